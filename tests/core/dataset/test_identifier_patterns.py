"""Every class of pattern: what must be found, and what looks like it and must not be."""

from __future__ import annotations

import pytest

from core.dataset.identifiers import KINDS, scan

FOUND = [
    # dates: month as a word
    ("date", "Admitted on March 3rd, 2023 with chest pain.", "March 3rd, 2023"),
    ("date", "Reviewed 12th April 2022 in clinic.", "12th April 2022"),
    ("date", "It began on the 3rd of March.", "3rd of March"),
    ("date", "Discharged 17-Feb-2023.", "17-Feb-2023"),
    ("date", "Seen Jan 20th '23 for review.", "Jan 20th '23"),
    ("date", "Operated on June 5.", "June 5"),
    ("date", "He came back on 5 June with fever.", "5 June"),
    ("date", "she was seen on may 2nd for this", "may 2nd"),
    ("date", "The patient was admitted in July 2022.", "July 2022"),
    ("date", "My husband died last December.", "last December"),
    ("date", "She was seen by Dr. Emily T. in November 2022.", "November 2022"),
    # dates: figures
    ("date", "Last visit 04/12/2023, stable.", "04/12/2023"),
    ("date", "Seen 4/22/22 by the nurse.", "4/22/22"),
    ("date", "Scan of 2021-09-30 was clear.", "2021-09-30"),
    ("date", "Entnahme am 03.04.2021 erfolgt.", "03.04.2021"),
    ("date", "Evaluated on 08/22, no change.", "08/22"),
    ("date", "DOB: 19561224, male", "19561224"),
    ("date", "患者于2021年3月5日入院。", "2021年3月5日"),
    # dates as notes and messages have them
    ("date", "O: seen 14 Mar 24, stable.", "14 Mar 24"),
    ("date", "Pacer checked 22APR2024.", "22APR2024"),
    ("date", "Birthdate 1988-7-4, G2P1.", "1988-7-4"),
    ("date", "Surgery was done on 5-12-22.", "5-12-22"),
    ("date", "INR 3.4, recheck Fri 8th", "Fri 8th"),
    ("date", "Admitted 7/1, d/c 7/4.", "7/4"),
    ("date", "vue le 12 mars 2024 pour toux", "12 mars 2024"),
    ("date", "Aufnahme 3. Juli 2023", "3. Juli 2023"),
    ("date", "ingreso 4 de mayo de 2023", "4 de mayo de 2023"),
    # ages
    ("age_over_89", "She is a 94-year-old woman.", "94-year-old"),
    ("age_over_89", "A 101 y/o man with falls.", "101 y/o"),
    ("age_over_89", "My grandmother, aged 92, is confused.", "aged 92"),
    # phone and fax
    ("phone", "Phone: (310) 555-1234.", "(310) 555-1234"),
    ("phone", "Call her back at 702.555.1234 tonight.", "702.555.1234"),
    ("phone", "My number is +44 20 7946 0958.", "+44 20 7946 0958"),
    ("phone", "tel 0490 75 40 81", "0490 75 40 81"),
    ("phone", "手机13812345678", "13812345678"),
    ("phone", "family updated via 0412 556 781", "0412 556 781"),
    ("phone", "Call wife Beth (08) 8555 0143 if he wanders.", "(08) 8555 0143"),
    ("phone", "Can you text my husband Miguel at 5125550144?", "5125550144"),
    ("phone", "Téléphone 01 55 50 01 92", "01 55 50 01 92"),
    ("fax", "Fax: 503-555-0100.", "503-555-0100"),
    ("fax", "Send it to 503-555-0100 (fax).", "503-555-0100"),
    # e-mail, web, ip
    ("email", "Write to jane.e@example.com please.", "jane.e@example.com"),
    ("url", "See https://portal.example.org/patient/64575.", "https://portal.example.org/patient/64575"),
    ("url", "My website is http://www.smithfamily.example/", "http://www.smithfamily.example/"),
    ("url", "https://www.facebook.com/jane.doe.58", "https://www.facebook.com/jane.doe.58"),
    ("url", "LinkedIn: linkedin.com/in/pavel-novak-4471", "linkedin.com/in/pavel-novak-4471"),
    ("ip", "Submitted from 10.174.37.236.", "10.174.37.236"),
    ("ip", "Host 2001:db8:85a3::8a2e:370:7334 was used.", "2001:db8:85a3::8a2e:370:7334"),
    # numbers
    ("ssn", "Her number 987-65-4321 is on file.", "987-65-4321"),
    ("ssn", "SSN 123456789", "123456789"),
    ("mrn", "(MRN: SJ-12345)", "SJ-12345"),
    ("mrn", "MRN 123-45-6789", "123-45-6789"),
    ("mrn", "med rec #99887766", "99887766"),
    ("mrn", "patient ID 67890, seen today", "67890"),
    ("mrn", "MRN ending 99213, nil by mouth", "99213"),
    ("mrn", "UR 4401928, day 1", "4401928"),
    ("mrn", "Patient number P/2019/0442", "P/2019/0442"),
    ("mrn", "Patientennummer 4471029, Sturz", "4471029"),
    ("ssn", "SSN last 4: 6789", "6789"),
    ("ssn", "soc sec number 412 66 1234", "412 66 1234"),
    ("health_plan", "Policy POL/8841/22", "POL/8841/22"),
    ("health_plan", "His insurance ID is ABC-987654.", "ABC-987654"),
    ("health_plan", "ins policy no. HS-987654", "HS-987654"),
    ("health_plan", "Member ID XQH723595087", "XQH723595087"),
    ("account", "Acct#: GRM-998877", "GRM-998877"),
    ("account", "It was charged to 4539 1488 0343 6467.", "4539 1488 0343 6467"),
    ("account", "transfer to GB82WEST12345698765432 now", "GB82WEST12345698765432"),
    ("licence", "Driver's license F7972469", "F7972469"),
    ("licence", "DEA number AB1234563", "AB1234563"),
    ("vehicle", "License plate 8CAY496", "8CAY496"),
    ("licence", "Signed Dr Brennan, GMC 7012345", "7012345"),
    ("vehicle", "car plate WOB-TL 418, GCS 15", "WOB-TL 418"),
    ("vehicle", "truck reg BD51 SMR", "BD51 SMR"),
    ("vehicle", "VIN 1HGCM82633A004352", "1HGCM82633A004352"),
    ("vehicle", "the car was 1M8GDM9AXKP042788", "1M8GDM9AXKP042788"),
    ("device", "Pacemaker serial SN-36742073", "SN-36742073"),
    ("device", "MAC 00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
    ("other_id", "Ref. code: EM-2554", "EM-2554"),
    ("other_id", "NHS number 943 476 5919", "943 476 5919"),
    ("other_id", "passport no. X1234567", "X1234567"),
    ("other_id", "Aadhaar 4821 9902 1176", "4821 9902 1176"),
]

NOTHING = [
    # dates that tell of nobody
    "He was diagnosed back in 2021.",
    "Seen last summer and again last week.",
    "In May 2006 the Food and Drug Administration approved a vaccine.",
    "As of October 2010, all isolates have been susceptible.",
    "It may 10 times out of 100 happen. You may 2 or 3 days later feel better.",
    "Published online March 3, 2019.",
    "A 12-year-old girl has been on the keto diet since January 2023.",
    # fractions, doses, ratios, scores
    "Take lisinopril/HCTZ 5/10 mg daily, 1/2 tablet at night.",
    "Blood pressure was 120/80 mmHg on 24/7 monitoring, vision 20/20.",
    "Pain is 7/10, ratio 3:1:2, GCS 15/15, on 5/10 strength.",
    "Give 81-325 mg every 4-6 hours for 7-10 days.",
    "May 10 mg be enough? March 5 patients were enrolled, on June 5 patients returned.",
    "The 2nd to 5th percentile; Mon-Thu dialysis with 2 h sessions; SPF 30 in the sun.",
    "Ur results r in. Does DNI 2019 mean no tube? In mars 2024 grams were sold. Mix 01:02:04.",
    "Give 5 Mar 20 mg bottles? Levothyroxine 0.075 mg, 01 02 03 04 05 06 07 in a row.",
    # ages of groups and young people
    "People over 90 and those aged 95 and older fall more often.",
    "A 65-year-old man weighs 95 kg with a heart rate of 110.",
    "Saturation of 95 % in 90-year-old patients.",
    # public contacts
    "Call 1-800-438-4380 or the hotline at 301-496-5248.",
    "Eldercare Locator 1-800-677-1116, www.eldercare.gov",
    "Visit http://www.mayoclinic.com/health/multiple-myeloma/DS00415/DSECTION=risk-factors",
    "See https://www.ncbi.nlm.nih.gov/pubmed/12345678 and http://emedicine.medscape.com/article/1064663-treatment#showall",
    "Write to info@example.org.",
    "In an emergency call 911 or 988.",
    # numbers of the trade
    "PMID: 12345678, PMC1234567, doi:10.1056/NEJMoa2034577",
    "Trial NCT00069784 (ClinicalTrials.gov number NCT00069784).",
    "ICD-10 E11.9, CPT code 99213, OMIM 143100, CAS number 50-78-2",
    "Gene ID 7157 (TP53), rs1801133, NM_000546.6, HLA-B27, IL-6, CD40 ligand, BRCA1, CYP2D6",
    "Type 2 diabetes, stage III, grade 2/3, T2DM, MRI at 1.5 T, vitamin B12, COVID-19, H1N1",
    "WBC 11,200/µL, glucose 126 mg/dL, LDL 2.6-3.3 mmol/L, eGFR 45 mL/min/1.73m2, INR 2.0-3.0",
    "Version 3.11.4.2 of the software; see section 1.2.3.4 and EC 3.4.21.5.",
    "Insurance covered 12000 dollars in 2021; the plan of 2019 did not.",
    "There were 10000 cases in 1997-1998 and about 1 in 100,000 to 200,000 people.",
    "Compound BMS-986165 and PF-07321332 are kinase inhibitors.",
    "CD40 ligand is also necessary for T cells to interact with B cells.",
    "Twenty-four plates of culture were read after 48 hours.",
    "",
]


@pytest.mark.parametrize(("kind", "text", "value"), FOUND)
def test_finds(kind: str, text: str, value: str) -> None:
    hits = [(finding.kind, text[finding.start : finding.end]) for finding in scan(text)]
    assert (kind, value) in [(found, hit.strip("# ")) for found, hit in hits], hits


@pytest.mark.parametrize("text", NOTHING)
def test_leaves_alone(text: str) -> None:
    assert [(finding.detector, text[finding.start : finding.end]) for finding in scan(text)] == []


def test_every_blocking_kind_that_claims_to_be_checked_has_a_case_above() -> None:
    claimed = {key for key, kind in KINDS.items() if kind.level == "blocking" and kind.checked_how}
    assert claimed == {kind for kind, _, _ in FOUND}


def test_findings_never_overlap_and_come_in_order() -> None:
    text = " ".join(text for _, text, _ in FOUND)
    findings = scan(text)
    assert len(findings) > 30
    assert all(one.end <= two.start for one, two in zip(findings, findings[1:], strict=False))


def test_distance_to_the_next_number_does_not_matter() -> None:
    far = "Nothing to see here, just words. " * 40
    text = f"{far}MRN: SJ-12345. {far}Seen on March 3rd, 2023. {far}She is a 94-year-old woman.{far}"
    assert [finding.kind for finding in scan(text)] == ["mrn", "date", "age_over_89"]


@pytest.mark.parametrize(
    "text",
    ["1" * 200_000, "1-" * 100_000, "a@" * 50_000, "www." * 50_000, "id: " * 50_000, "May " * 50_000, "(" * 99_999],
)
@pytest.mark.timeout(20)
def test_hostile_text_takes_no_longer_than_its_length(text: str) -> None:
    scan(text)
