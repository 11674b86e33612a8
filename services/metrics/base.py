"""The metadata all tables of metrics stand on, and the tables every feature shares."""

from shared.db.base import new_metadata
from shared.db.idempotency import idempotency_table
from shared.db.visibility import party_table
from shared.messaging.tables import messaging_tables
from shared.web.issuer_keys import issuer_key_table

metadata = new_metadata()
parties = party_table(metadata)
messaging = messaging_tables(metadata)
idempotency_keys = idempotency_table(metadata)
issuer_keys = issuer_key_table(metadata)
