"""Numbers and codes that a label gives away: record, plan, account, licence, vehicle, device and other numbers.

    "(MRN: SJ-12345)" → mrn;  "insurance ID QX-789012" → health_plan;  "PMID: 12345678", "ICD-10 E11.9" → nothing

Codes come first and labels second: every run of characters with enough digits is looked at once, together with the words
before it, which keeps 100,000 rows quick. Numbers of public registries (PMID, NCT, CAS, OMIM, ICD …) are never identifiers.
Social Security numbers need no label and need not be valid: dummies such as 987-65-4321 stand for real ones in drafts.
It does not know: other kinds, or what becomes of a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.dataset.identifiers.dates import Span

_CODE = re.compile(
    r"(?<![\w.])[A-Za-z]{0,8}[-/]?\d(?:[A-Za-z0-9]|[-/](?=[A-Za-z0-9])|[ ](?=\d{3,4}(?!\d|\s?(?:mg|ml|g)\b)))*"
)
_WINDOW_CHARS = 48
_FILL = (
    r"(?:[\s:#=(\[\"'–—,-]|\.(?=\s)|(?:\b|(?<=#))(?:ids?|identifier|numbers?|num|nos?|nr|nbr|code|card|is|was"
    r"|as|with|under|plan|policy|member|holder"
    r"|records?|rec|reference|file|patient|pt|his|her|their|my|listed|recorded|registered|ending(?: in)?|last(?: 4| four)?|digits|the|a"
    r"|of)\b){0,9}$"
)
_STRONG = re.compile(r"[:#=]|\b(?:ids?|identifier|numbers?|num|nos?|nr|nbr|code|ending|MRN|EMPI)\b", re.I)

_PUBLIC_REGISTRY = re.compile(
    r"\b(?:PMIDs?|PMC(?:ID)?|DOI|OMIM|MIM|NCT|ISRCTN|EudraCT|CAS|Entrez|gene|UniProt|PDB|RefSeq|GenBank|dbSNP"
    r"|DrugBank|ChEMBL|PubChem|CID"
    r"|ICD(?:-?\d+)?|CPT|HCPCS|SNOMED|LOINC|RxNorm|RxCUI|NDC|MeSH|UMLS|CUI|ORPHA\w*|HGNC|Ensembl|HPO|HP"
    r"|clinical\s?trials?(?:\.gov)?|trial"
    r"|ISBN|ISSN|grant|ATC|FDA|PMA|510\(k\)|GARD|bp|catalog(?:ue)?)\b[^.;\n]{0,24}$",
    re.I,
)

# The order decides where two labels would fit: "license plate" is a vehicle, "driver's license" a licence.
_LABELS: tuple[tuple[str, str, str, bool], ...] = (
    ("ssn", "ssn.labelled", r"\bssns?\b|\bsocial security(?:\s?number)?|\bsoc\.?\s?sec\b\.?|\bss\s?(?:#|no\b)", False),
    (
        "vehicle",
        "vehicle.labelled",
        r"\b(?:licen[cs]e|number|registration|vehicle|car)\s?plates?\b|\bplates?\s(?=no|number|#)|\bVIN\b"
        r"|\bvehicle\b|\bchassis\b|\btag\s(?=number|no\b)",
        False,
    ),
    (
        "licence",
        "licence.labelled",
        r"\bdriver'?s?'?(?:\s?licen[cs]e)?\b|\blicen[cs]es?\b|\bDEA\b|\bNPI\b|\bcertificat(?:e|ion)\b"
        r"|\bpermit\b|\b(?-i:GMC|NMC|HCPC|AHPRA)\b|\bD\.?L\.?(?=\s?(?:#|no\b|number))",
        True,
    ),
    (
        "device",
        "device.labelled",
        r"\bserial\b|\bS/N\b|\bSN\b|\bUDI\b|\bdevice\b|\bimplant(?:ed)?\b|\bpacemaker\b|\bpump\b"
        r"|\bdefibrillator\b|\bIMEI\b|\bprosthesis\b",
        True,
    ),
    (
        "mrn",
        "mrn.labelled",
        r"\bMRNs?\b|\bE[MH]Rs?\b|\bMR\s?(?=#|no\b|number)|\bmedical\s?records?\b|\bmed\.?\s?recs?\b"
        r"|\bhospital\s?(?=number"
        r"|no\b|id\b|#)|\bchart\b|\b(?:patient|pt)\.?'?s?\s?(?=id\b|identifier|number|no\b|#|mrn)"
        r"|\brecords?\s?(?=#|no\b|number|id\b)|\bhealth\s?record|\bunit\s?(?=number|no\b)"
        r"|\b(?-i:EMPI|URN?)\b|\b(?:Patienten|Fall|Akten)(?:nummer|-?nr)\b|\bn[úu]mero de (?:historia|expediente)\b"
        r"|\bnuméro de dossier\b|病历号|住院号",
        True,
    ),
    (
        "health_plan",
        "health_plan.labelled",
        r"\binsurance\b|\bins\b\.?|\binsured\b|\binsurer\b|\bpolicy\b|\bmember(?:ship)?\b|\bsubscriber\b"
        r"|\bbeneficiary\b|\bmedicare\b|\bmedicaid\b|\bhealth\s?plan\b|\bplan\b"
        r"|\bgroup\s?(?=number|no\b|#|id\b)|\bH[MI]CN?\b|\bMBI\b|\bHMO\b|\bPPO\b|\bclaim\b|\bcoverage\b"
        r"|\bpayer\b|\bVersich(?:erten|erungs)-?(?:nummer|nr)\b|\bnúmero de afiliado\b",
        True,
    ),
    (
        "account",
        "account.labelled",
        r"\baccounts?\b|\bacc?t\b\.?|\ba/c\b|\bIBAN\b|\bcards?\b|\bcc\b|\bbilling\b|\binvoice\b|\brouting\b"
        r"|\bsort\s?code\b",
        True,
    ),
    (
        "other_id",
        "other_id.labelled",
        r"\bids?\b|\bidentifi(?:er|ed as)\b|\bref(?:erence)?\b\.?\s?(?=code|no\b|number|#|id\b|:)|\b(?:case"
        r"|study|subject|participant|site|specimen|sample|accession|encounter|visit|employee|student|national"
        r"|order|tracking|confirmation|registry|passport|nhs|donor|file|booking|referral|prescription"
        r"|rx)\s?(?=number|no\b|#|id\b|:)|\bpassport\b|\bNHS\b|\bbarcode\b|\baadhaar\b"
        r"|\b(?-i:CHI|CPF|CURP|PESEL|NRIC|PPSN|BSN)\b|\b[a-zæøå]{3,20}nummer\b|身份证",
        True,
    ),
)
_RULES = tuple(
    (kind, detector, re.compile(f"(?:{label}){_FILL}", re.I), needs_id) for kind, detector, label, needs_id in _LABELS
)

# One pass over all labels rules out most numbers (years, amounts) before the labels are tried in their order.
_ANY_LABEL = re.compile("(?:" + "|".join(label for _, _, label, _ in _LABELS) + ")" + _FILL, re.I)

_SSN = re.compile(r"(?<![\w\-])(?:\d{3}-\d{2}-\d{4}|[xX*]{3}-?[xX*]{2}-?\d{4})(?![\w]|-\d)")
_SSN_SPACED = re.compile(r"(?<![\w\-])\d{3} \d{2} \d{4}(?![\w\-])")
_SSN_NEAR = re.compile(r"\bssn|\bsocial security|\bsoc\.?\s?sec\b", re.I)
# A code right before its own brackets or plan word: "HMO-234567".
_PLAN_CODE = re.compile(r"\b(?:HMO|PPO|HIC|HPN)-?\d{5,12}\b")
_PLATE = re.compile(
    r"(?:(?:licen[cs]e|number|registration|car|vehicle|truck)\s?plates?|\b(?:car|vehicle|truck|van|motorcycle)\srego?)"
    r"(?:\s(?:number|no|is|was))?[\s.:#]{0,4}([A-Z]{1,3}[\s\-]?(?:[A-Z]{1,2}[\s\-])?\d{1,4}(?:[\s\-]?[A-Z]{1,3})?|\d{1,4}[\s\-]?[A-Z]{2,3}\d{0,4})\b",
    re.I,
)
_VIN = re.compile(r"\b[A-HJ-NPR-Z0-9]{17}\b")
_TOLL_FREE = re.compile(r"(?:1[- ]?)?8(?:00|33|44|55|66|77|88)[- ]\d{3}[- ]\d{4}")
_MAC = re.compile(r"\b(?:[0-9A-F]{2}[:\-]){5}[0-9A-F]{2}\b", re.I)
_CARD = re.compile(r"(?<![\w\-])\d(?:[ \-]?\d){12,18}(?![\w\-])")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}[A-Za-z0-9]{11,30}\b|\b[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?\b")
_NATIONAL_CN = re.compile(r"(?<!\d)\d{17}[\dXx](?![\dXx])")


def spans(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield (start, end, kind, detector) between low and high, labelled codes first; they may overlap."""
    yield from _labelled(text, low, high)
    yield from _shaped(text, low, high)


def _labelled(text: str, low: int, high: int) -> Iterator[Span]:
    for match in _PLATE.finditer(text, low, high):
        yield match.start(1), match.end(1), "vehicle", "vehicle.plate"
    for match in _CODE.finditer(text, low, high):
        digits = sum(character.isdigit() for character in match.group())
        if digits < 4:
            continue
        begin = max(0, match.start() - _WINDOW_CHARS)
        if begin and text[begin - 1].isalnum():
            begin += len(text[begin : match.start()].split(" ", 1)[0])
        yield from _by_label(text[begin : match.start()], match, digits)


def _by_label(before: str, code: re.Match[str], digits: int) -> Iterator[Span]:
    if not _ANY_LABEL.search(before) or _PUBLIC_REGISTRY.search(before):
        return
    for kind, detector, pattern, weak in _RULES:
        label = pattern.search(before)
        if label is None:
            continue
        if kind in ("health_plan", "account", "other_id") and _TOLL_FREE.fullmatch(code.group()):
            return
        if weak and _is_plain_number(code.group(), digits) and not _STRONG.search(label.group()):
            continue
        yield code.start(), code.end(), kind, detector
        return


def _is_plain_number(code: str, digits: int) -> bool:
    """Tell a year or an amount from a code: short and nothing but digits."""
    return digits <= 5 and code.isdigit() or digits == 4 and code[:2] in ("19", "20") and code.isdigit()


def _shaped(text: str, low: int, high: int) -> Iterator[Span]:
    for match in _SSN.finditer(text, low, high):
        yield match.start(), match.end(), "ssn", "ssn.form"
    for match in _SSN_SPACED.finditer(text, low, high):
        if _SSN_NEAR.search(text, max(0, match.start() - 60), match.start()):
            yield match.start(), match.end(), "ssn", "ssn.spaced"
    for match in _PLAN_CODE.finditer(text, low, high):
        yield match.start(), match.end(), "health_plan", "health_plan.code"
    for match in _MAC.finditer(text, low, high):
        yield match.start(), match.end(), "device", "device.mac_address"
    for kind, detector, pattern, holds in (
        ("vehicle", "vehicle.vin_check_digit", _VIN, _is_vin),
        ("account", "account.card_check_digit", _CARD, _is_card),
        ("account", "account.iban_check_digits", _IBAN, _is_iban),
        ("other_id", "other_id.national_cn", _NATIONAL_CN, _is_national_cn),
    ):
        for match in pattern.finditer(text, low, high):
            if holds(match.group()):
                yield match.start(), match.end(), kind, detector


def _is_vin(code: str) -> bool:
    """Check digit of ISO 3779 as North America uses it (49 CFR 565.15): weighted sum modulo 11 stands ninth."""
    if code.isdigit() or code.isalpha():
        return False
    values = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
            strict=True,
        )
    )
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(weight * (int(c) if c.isdigit() else values[c]) for weight, c in zip(weights, code, strict=True))
    return code[8] == "0123456789X"[total % 11]


def _is_card(code: str) -> bool:
    """Luhn check (ISO/IEC 7812-1, annex B) on 13 to 19 digits that begin like a payment card."""
    digits = [int(character) for character in code if character.isdigit()]
    if digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) < 3:
        return False
    doubled = [digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_iban(code: str) -> bool:
    """Check of ISO 13616 (modulo 97 after moving the first four characters to the end)."""
    compact = code.replace(" ", "").upper()
    if not 15 <= len(compact) <= 34 or not compact.isascii():
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _is_national_cn(code: str) -> bool:
    """Check digit of a Chinese resident number (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(code[:17]))
    return "10X98765432"[total % 11] == code[17].upper()
