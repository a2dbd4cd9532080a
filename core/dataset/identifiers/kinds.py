"""The 18 classes of identifier in HIPAA's Safe Harbor rule, and what is checked of each.

    KINDS["mrn"].title → "Medical record number"
    coverage(names_checked=False) → one line a class: what was looked for, or that nothing was

The classes are those of 45 CFR 164.514(b)(2)(i)(A) to (R), told in our own words and counted 1 to 18 in its order.
Finding none of them proves nothing: a list of what was checked is all that this module can give.
It does not know: how anything is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["blocking", "advisory"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of text that may point to a person.

    Args:
        kind: Key into KINDS, for example ``date``.
        level: ``blocking`` (training waits for a decision) or ``advisory`` (somebody should look).
        start: First character, counted from 0.
        end: One past the last character.
        detector: Which rule found it, for example ``date.month_day``.
    """

    kind: str
    level: Level
    start: int
    end: int
    detector: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of identifier.

    Args:
        title: What a person reads.
        level: How serious a finding of this kind is.
        hipaa: Number of the Safe Harbor class, 1 to 18.
        wording: What the class covers, in our own words.
        checked_how: What this software looks for; empty if nothing.
        placeholder: The word that stands in its place, in capitals.
    """

    title: str
    level: Level
    hipaa: int
    wording: str
    checked_how: str
    placeholder: str


_LABEL = "A number or code that follows its label"
KINDS: Mapping[str, Kind] = {
    "name": Kind(
        "Name",
        "advisory",
        1,
        "Names of the person, of relatives, household members and employers",
        "Titles, patient wording and a small language model; rare, lower-cased and single names are missed",
        "NAME",
    ),
    "place": Kind(
        "Place",
        "advisory",
        2,
        "Everything smaller than a state: street, town, county, postcode, and so the clinic that tells the town",
        "Street addresses, postcodes, where somebody lives, and the clinic where somebody was seen",
        "PLACE",
    ),
    "date": Kind(
        "Date",
        "blocking",
        3,
        "Dates tied to a person (birth, admission, discharge, death), all but the year",
        "Dates with a day, written or in figures; a month with its year where something ties it to a person; not years alone",
        "DATE",
    ),
    "age_over_89": Kind(
        "Age over 89",
        "blocking",
        3,
        "Ages over 89, which may only be told as 90 or older",
        "One person's age of 90 to 119; not ages of whole groups",
        "AGE 90 OR OLDER",
    ),
    "phone": Kind(
        "Phone number",
        "blocking",
        4,
        "Telephone numbers",
        "North American, +country and leading-0 forms, and labelled numbers; not toll-free numbers and public help lines",
        "PHONE",
    ),
    "fax": Kind("Fax number", "blocking", 5, "Fax numbers", "Telephone numbers that are labelled as fax", "FAX"),
    "email": Kind(
        "E-mail address",
        "blocking",
        6,
        "E-mail addresses",
        "All but an organisation's open mailboxes (info@, contact@ and the like)",
        "EMAIL",
    ),
    "ssn": Kind(
        "Social Security number",
        "blocking",
        7,
        "Social Security numbers",
        "The 3-2-4 form, impossible numbers too, and labelled numbers",
        "SSN",
    ),
    "mrn": Kind("Medical record number", "blocking", 8, "Medical record numbers", _LABEL, "MRN"),
    "health_plan": Kind(
        "Health plan number", "blocking", 9, "Numbers of members of a health plan", _LABEL, "HEALTH PLAN NUMBER"
    ),
    "account": Kind(
        "Account number",
        "blocking",
        10,
        "Account numbers",
        _LABEL + "; card numbers and IBANs by their check digits",
        "ACCOUNT NUMBER",
    ),
    "licence": Kind(
        "Certificate or licence number", "blocking", 11, "Certificate and licence numbers", _LABEL, "LICENCE NUMBER"
    ),
    "vehicle": Kind(
        "Vehicle number",
        "blocking",
        12,
        "Numbers of vehicles, licence plates among them",
        _LABEL + "; chassis numbers by their check digit",
        "VEHICLE NUMBER",
    ),
    "device": Kind(
        "Device number",
        "blocking",
        13,
        "Identifiers and serial numbers of devices",
        _LABEL + "; network card addresses",
        "DEVICE NUMBER",
    ),
    "url": Kind(
        "Web address",
        "blocking",
        14,
        "Web addresses",
        "Addresses that lead to a person (portal, record, profile, private home page); not public pages",
        "URL",
    ),
    "ip": Kind("IP address", "blocking", 15, "Internet protocol addresses", "IPv4 and IPv6 addresses", "IP ADDRESS"),
    "biometric": Kind("Biometric mark", "blocking", 16, "Finger prints, voice prints and the like", "", "BIOMETRIC"),
    "photo": Kind("Photograph", "blocking", 17, "Full-face photographs and images like them", "", "PHOTO"),
    "other_id": Kind(
        "Other identifying number",
        "blocking",
        18,
        "Any other number, mark or code that is one person's alone",
        _LABEL + " (patient, case, study, reference, passport, national id); nothing that has no label",
        "ID",
    ),
}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was done about one class.

    Args:
        hipaa: Number of the Safe Harbor class, 1 to 18.
        kind: Key into KINDS.
        title: What a person reads.
        checked: Whether anything was looked for.
        how: What was looked for, or why nothing was.
    """

    hipaa: int
    kind: str
    title: str
    checked: bool
    how: str


def coverage(names_checked: bool) -> list[Coverage]:
    """List all 18 classes (dates in two lines) with what was checked and what was not.

    Args:
        names_checked: Whether ``scan_names`` ran over the data as well as ``scan``.
    """
    return [_line(key, kind, names_checked) for key, kind in sorted(KINDS.items(), key=lambda item: item[1].hipaa)]


def _line(key: str, kind: Kind, names_checked: bool) -> Coverage:
    if not kind.checked_how:
        return Coverage(
            kind.hipaa, key, kind.title, False, "NOT checked: not something that this software can find in text"
        )
    if kind.level == "advisory" and not names_checked:
        return Coverage(kind.hipaa, key, kind.title, False, "NOT checked: the check of names and places did not run")
    return Coverage(kind.hipaa, key, kind.title, True, kind.checked_how)
