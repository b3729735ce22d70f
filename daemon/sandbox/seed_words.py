"""The names, goods and places that generated books are made of."""

from decimal import Decimal

COMPANIES = (
    "Alder", "Birchwood", "Cobalt", "Driftwood", "Eastgate", "Foxglove", "Granite", "Harbour", "Ironbridge", "Juniper",
    "Kestrel", "Larkspur", "Meridian", "Northwind", "Orchard", "Pinecrest", "Quarry", "Redstone", "Silverline",
    "Tamarack", "Umber", "Vantage", "Westbrook", "Yarrow", "Zephyr", "Brightwater", "Clearfield", "Dunmore",
)  # fmt: skip
TRADES = (
    "Dental", "Logistics", "Law Group", "Architects", "Bakery", "Clinic", "Manufacturing", "Realty", "Studios",
    "Veterinary", "Consulting", "Hardware", "Foods", "Insurance", "Academy", "Partners",
)  # fmt: skip
FIRST_NAMES = (
    "Amara", "Ben", "Chloé", "Dmitri", "Elena", "Farid", "Grace", "Hana", "Igor", "Jasmine", "Kofi", "Lucía", "Mateo",
    "Nadia", "Owen", "Priya", "Quentin", "Rosa", "Sven", "Tomoko",
)  # fmt: skip
LAST_NAMES = (
    "Abara", "Bélanger", "Castillo", "Duarte", "Eriksen", "Fontaine", "Gupta", "Hughes", "Ivanova", "Johansson", "Kim",
    "Lefebvre", "Moreau", "Nakamura", "O'Brien", "Petrov", "Quinn", "Rossi", "Schmidt", "Tran",
)  # fmt: skip
PLACES = (
    ("Toronto", "Ontario", "M5V 2T6", "Canada"),
    ("Montréal", "Quebec", "H2Y 1C6", "Canada"),
    ("Austin", "Texas", "78701", "United States"),
    ("Portland", "Oregon", "97205", "United States"),
    ("Chicago", "Illinois", "60601", "United States"),
    ("Leeds", "", "LS1 4AP", "United Kingdom"),
    ("Dublin", "", "D02 X285", "Ireland"),
)
STREETS = ("King Street", "Mill Road", "Harbour View", "Second Avenue", "Orchard Lane", "Station Road")
GOODS: tuple[tuple[str, str, Decimal], ...] = (
    ("Managed workstation", "Monitoring, patching and help desk, per seat and month", Decimal("65.00")),
    ("Managed server", "Monitoring and patching, per server and month", Decimal("189.00")),
    ("Endpoint protection", "Detection and response, per seat and month", Decimal("8.50")),
    ("Cloud backup", "Per terabyte and month", Decimal("42.00")),
    ("Mailbox", "Hosted mailbox, per user and month", Decimal("12.60")),
    ("Firewall as a service", "Per site and month", Decimal("149.95")),
    ("On-site visit", "Technician on site, per hour", Decimal("135.00")),
    ("Remote support", "Outside the agreement, per hour", Decimal("95.00")),
    ("Network assessment", "One-off survey and report", Decimal("1250.00")),
    ("Laptop", "14-inch business laptop, imaged and delivered", Decimal("1389.00")),
    ("Docking station", "With two displays", Decimal("219.99")),
    ("Security training", "Per seat and year", Decimal("24.00")),
    ("Phone line", "Hosted telephony, per line and month", Decimal("19.75")),
    ("Domain renewal", "Per year", Decimal("18.33")),
    ("Project day", "Senior engineer, per day", Decimal("980.00")),
    ("Wi-Fi access point", "Supplied and mounted", Decimal("276.40")),
)
TAXES: dict[str, tuple[str, Decimal]] = {
    "Ontario": ("HST", Decimal(13)),
    "Quebec": ("GST", Decimal(5)),
    "Texas": ("Sales Tax", Decimal("8.25")),
    "Illinois": ("Sales Tax", Decimal("6.25")),
}
CURRENCIES = ("CAD", "EUR", "GBP", "KES")
PAYMENT_TYPES = ("Check", "Bank Transfer", "Credit Card", "ACH", "Cash", "VISA", "PayPal", "Other")
