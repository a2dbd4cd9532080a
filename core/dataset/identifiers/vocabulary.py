"""Capitalised words of medicine that are not people or places.

    is_medical("Parkinson") → True;  follows_medical("Chaddock reflex", 8) → True

Three sources: names that became diseases, signs and scores; drugs (a list and the official name stems); groups of people,
tests and ordinary words that stand capitalised in clinical text. It is a filter against false alarms, never against a name
that a title or patient wording gives away: "Mr. Wilson" stays a name.
It does not know: sentences, spaCy, findings.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EPONYMS = _words(
    """addison alport alzheimer apgar apert asperger babinski baker barlow barre barrett bartter batten becker behcet
    bell bernard bickerstaff blalock bowen bright broca brodmann brudzinski brugada buerger burkitt chaddock chagas
    charcot charlson chediak chiari chvostek coombs cooley costello crigler creutzfeldt crohn cushing dandy dejerine
    dercum devic doppler down duchenne dukes dupuytren duke ebstein edwards ehlers eisenmenger epstein erb ewing
    fabry fallot fanconi felty fitzpatrick foley framingham friedreich gaucher gehrig gilbert gilles gitelman
    glasgow gleason goodpasture gowers graves guillain hashimoto heimlich henoch hirschsprung hodgkin hoffman
    hoffmann holter homan homans horner huntington hurler jakob jarvik kaposi karnofsky kartagener kawasaki kayser
    kegel kernig klinefelter korsakoff krabbe kussmaul lambert langerhans lasegue leigh lennox lesch lewy likert lou
    lyme lynch mallory marfan mcburney mcgill mcisaac meckel meniere menkes merkel moro munchausen murphy nash
    nissen noonan osgood osler paget pap parkinson patau perthes peyronie phalen pick pompe pott prader prinzmetal
    ranson raynaud reiter rett reye rinne romberg rorschach rovsing sandhoff schilling schlatter schonlein sezary
    sheehan shirley sjogren sjögren snellen spearman stargardt stevens still sturge sydenham takayasu tanner tay
    thomsen tinel tourette trendelenburg trousseau turner usher virchow waardenburg waldenstrom weber wegener wells
    werner wernicke whipple williams wilms wilson wolff wood zollinger"""
)

DRUGS = _words(
    """abilify accutane actos adderall advair advil albuterol aleve allegra ambien amoxil aspirin ativan augmentin
    avastin azithromycin benadryl botox brilinta bumex buspar bystolic celebrex celexa chantix cialis cipro claritin
    clozaril colace combivent concerta coreg coumadin cozaar crestor cymbalta depakote dexilant digoxin dilantin
    dilaudid diovan dupixent effexor eliquis enbrel entresto epipen excedrin farxiga flagyl flomax flonase flovent
    fosamax gabapentin gleevec glucophage glucotrol haldol heparin herceptin hydrochlorothiazide humalog humira
    hyzaar ibuprofen imdur imitrex imodium insulin invokana januvia jardiance keflex keppra keytruda klonopin klor
    lamictal lanoxin lantus lasix levaquin levemir levoxyl lexapro lipitor lopressor lortab lovenox lunesta lyrica
    macrobid metformin methotrexate micardis mirapex miralax mobic motrin mounjaro naprosyn naproxen neurontin
    nexium niaspan norco normodyne norvasc novolog nuvigil opdivo orencia oxycontin ozempic pamelor paxil paxlovid
    pepcid percocet plaquenil plavix pradaxa pravachol prednisone premarin prevacid prilosec pristiq procardia
    prograf prolia propecia protonix prozac pulmicort ranexa reglan remicade requip restoril retin revlimid
    risperdal ritalin rituxan robaxin savella seroquel simvastatin singulair skelaxin soma spiriva strattera
    suboxone symbicort synthroid tamiflu tegretol tenormin topamax toprol toradol tradjenta tramadol trazodone
    tricor trulicity tylenol ultram valium valtrex vasotec ventolin verapamil viagra vicodin victoza voltaren
    vytorin warfarin wegovy wellbutrin xanax xarelto xeljanz zantac zestril zetia zithromax zocor zofran zoloft
    zovirax zyprexa zyrtec"""
)

# Stems of international nonproprietary names (WHO): the ending tells the class of the drug.
_STEMS = tuple(
    _words(
        """mab nib pril prilat sartan olol statin cillin mycin micin floxacin cycline azole prazole tidine dipine gliptin
        gliflozin glutide xaban gatran parin triptan setron pam lam zepam barbital caine vir vudine oxetine profen coxib
        sone solone onide thiazide semide formin glitazone tide platin rubicin taxel fen idol apine idone azine
        triptyline ipramine"""
    )
)

# What a name in medicine is usually followed by: "Chaddock reflex", "Wells criteria", "Lou Gehrig's disease".
MEDICAL_NOUN = re.compile(
    r"(?:['’]s?)?[\s\-–]{1,4}(?:[\w\-]{1,30}\s)?(?:disease|syndrome|disorder|sign|signs|reflex|score|scores|scale|index"
    r"|criteria|criterion|test|tests"
    r"|testing|classification|staging|grade|grading|stage|questionnaire|inventory|assessment|exam|examination"
    r"|procedure|operation"
    r"|maneuver|manoeuvre|technique|method|protocol|trial|study|studies|lymphoma|sarcoma|tumou?r|carcinoma"
    r"|cancer|disease's|palsy"
    r"|chorea|ataxia|anemia|anaemia|dystrophy|neuropathy|encephalopathy|nephropathy|thyroiditis|arteritis"
    r"|contracture|fracture"
    r"|deformity|malformation|anomaly|phenomenon|esophagus|oesophagus|catheter|monitor|exercises?|rule|law"
    r"|formula|equation|triad"
    r"|gene|mutation|virus|bacteria|fever|reaction|stain|smear|diet|therapy|treatment|procedures?|chart|cells?"
    r"|bodies|body|node|nodes"
    r"|duct|gland|canal|ligament|pouch|ring|rings|line|lines|spots?|granules?|scan|ultrasound|angle|hernia|cyst"
    r"|ulcer|paralysis"
    r"|macroglobulinemia|purpura|insufficiency|crisis|coma|pain index|heart study|agitation|coagulation|esophagitis)\b",
    re.I,
)

ORDINARY = _words(
    """african american asian caucasian hispanic latino latina black white european indian native jewish arab chinese
    japanese korean mexican african-american afro-caribbean pacific islander ashkenazi ace aha acc ada fda cdc nih
    who nice gold acog adhd aids hiv copd type stage grade class phase group part level category factor vitamin
    hepatitis influenza protein monday tuesday wednesday thursday friday saturday sunday january february march
    april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec
    the this that these those what which when where why how is are was a an there some most many each every all both
    other another few several one two three were can could should would does do did has have had will any and or but
    for with without in on at of to from by as if after before during since given considering recommended recommend
    current updated latest best common please patient patients pt pts doctor doctors dr mr mrs ms miss nurse
    hospital clinic center centre medical health care insurance medicare medicaid phone email fax contact ssn mrn
    dob id zip date name age record records policy account member history management guidelines treatment protocol
    protocols dosage dosing risk risks side effects efficacy effectiveness diagnosis prognosis differential need
    needs looking worried concerned case cases he she his her they their him it we our you your i my me him male
    female man woman boy girl child infant veteran adult elderly pregnant hx tx dx rx sx fx f/u er ed icu nicu or
    opd ct mri ecg ekg eeg emg pet bmi inr hba1c crp esr gfr ldl hdl tsh psa cbc bnp htn dm t1dm t2dm chf cad ckd mi
    afib gerd bph ms als sle ra uti dvt pe tia cva ca pci cabg tha tka nsaid ssri acei arb bp hr iv im po prn bid
    tid english spanish french german greek latin italian dutch russian american internet web e-mail hello hi hey
    dear thanks thank regards sincerely ok yes no not also note re follow-up followup sir madam mom dad mommy daddy
    practitioner practitioners anesthetist midwife specialist rights health god lord christmas easter thanksgiving new year"""
)

INSTITUTION = _words(
    """hospital hospitals clinic clinics center centre centers institute university college school department
    foundation association society medical health care insurance street avenue road county association research
    therapy guide guidelines disease syndrome disorder cancer diabetes kidney heart liver lung brain infection
    infections injury problems chronic acute web site illness risk blood urine stones cells newborns children adults"""
)

# Countries, continents, states and provinces: not smaller than a state, so no identifiers by themselves.
LARGE_REGIONS = frozenset(
    region.strip()
    for region in """africa | asia | europe | america | north america | south america | central america | latin america | australia
    | oceania | antarctica | middle east | southeast asia | east asia | south asia | western europe | eastern
    europe | northern europe | southern europe | sub-saharan africa | caribbean | scandinavia | united states |
    united states of america | usa | us | u.s | u.s.a | uk | u.k | eu | united kingdom | great britain | britain |
    england | scotland | wales | ireland | northern ireland | afghanistan | albania | algeria | argentina |
    armenia | austria | azerbaijan | bangladesh | belgium | bolivia | brazil | bulgaria | cambodia | cameroon |
    canada | chile | china | colombia | congo | costa rica | croatia | cuba | cyprus | czech republic | denmark |
    dominican republic | ecuador | egypt | el salvador | estonia | ethiopia | finland | france | germany | ghana |
    greece | guatemala | haiti | honduras | hungary | iceland | india | indonesia | iran | iraq | israel | italy |
    jamaica | japan | jordan | kenya | korea | south korea | north korea | kuwait | laos | latvia | lebanon |
    liberia | libya | lithuania | luxembourg | malaysia | mali | malta | mexico | moldova | mongolia | morocco |
    mozambique | myanmar | nepal | netherlands | new zealand | nicaragua | niger | nigeria | norway | oman |
    pakistan | palestine | panama | paraguay | peru | philippines | poland | portugal | qatar | romania | russia |
    rwanda | saudi arabia | senegal | serbia | sierra leone | singapore | slovakia | slovenia | somalia | south
    africa | spain | sri lanka | sudan | sweden | switzerland | syria | taiwan | tanzania | thailand | tunisia |
    turkey | uganda | ukraine | uruguay | uzbekistan | venezuela | vietnam | yemen | zambia | zimbabwe | alabama |
    alaska | arizona | arkansas | california | colorado | connecticut | delaware | florida | georgia | hawaii |
    idaho | illinois | indiana | iowa | kansas | kentucky | louisiana | maine | maryland | massachusetts |
    michigan | minnesota | mississippi | missouri | montana | nebraska | nevada | new hampshire | new jersey | new
    mexico | north carolina | north dakota | ohio | oklahoma | oregon | pennsylvania | rhode island | south
    carolina | south dakota | tennessee | texas | utah | vermont | virginia | washington | west virginia |
    wisconsin | wyoming | quebec | ontario | british columbia | alberta | manitoba | saskatchewan | nova scotia |
    newfoundland | new south wales | queensland | bavaria | earth | mediterranean | pacific | atlantic | north |
    south | east | west | midwest | northeast | southeast | southwest | northwest""".replace("\n", " ").split("|")
)


def is_medical(word: str, eponyms: bool = True) -> bool:
    """Tell whether a capitalised word is an eponym (if asked for), a drug, or an ordinary word of clinical text."""
    bare = word.strip(".,;:()").lower().removesuffix("'s").removesuffix("’s")
    if (eponyms and bare in EPONYMS) or bare in DRUGS or bare in ORDINARY:
        return True
    return len(bare) > 5 and bare.endswith(_STEMS)


def follows_medical(text: str, end: int) -> bool:
    """Tell whether what stands at ``end`` makes a medical term of the words before it."""
    return MEDICAL_NOUN.match(text, end) is not None
