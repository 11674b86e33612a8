"""Inbound sources and messages"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbound_receipts",
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", sa.String(length=200), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("received_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "webhook_id", name=op.f("pk_inbound_receipts")),
    )
    with op.batch_alter_table("inbound_receipts", schema=None) as batch_op:
        batch_op.create_index("ix_inbound_receipts_received_at", ["received_at"], unique=False)

    op.create_table(
        "inbound_sources",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("scopes", shared.db.types.JsonDocument, nullable=False),
        sa.Column("max_per_minute", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.Column("secrets", shared.db.types.JsonDocument, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_sources")),
    )
    with op.batch_alter_table("inbound_sources", schema=None) as batch_op:
        batch_op.create_index("ix_inbound_sources_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_inbound_sources_organisation_id", ["organisation_id", "created_at", "id"], unique=False
        )

    op.create_table(
        "inbound_mappings",
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("definition", shared.db.types.JsonDocument, nullable=False),
        sa.Column("created_by_kind", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", sa.String(length=100), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["inbound_sources.id"], name=op.f("fk_inbound_mappings_source_id")
        ),
        sa.PrimaryKeyConstraint("source_id", "version", name=op.f("pk_inbound_mappings")),
    )
    op.create_table(
        "inbound_messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("message_type", sa.String(length=200), nullable=True),
        sa.Column("command", sa.String(length=30), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.Column("subject_type", sa.String(length=30), nullable=True),
        sa.Column("subject_id", sa.String(length=40), nullable=True),
        sa.Column("subject_version", sa.Integer(), nullable=True),
        sa.Column("problems", shared.db.types.JsonDocument, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("repaired_body", sa.LargeBinary(), nullable=True),
        sa.Column("discard_reason", sa.Text(), nullable=True),
        sa.Column("discarded_by_id", sa.String(length=100), nullable=True),
        sa.Column("sent_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("received_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("settled_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["inbound_sources.id"], name=op.f("fk_inbound_messages_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_messages")),
    )
    with op.batch_alter_table("inbound_messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbound_messages_organisation_id", ["organisation_id", "received_at", "id"], unique=False
        )
        batch_op.create_index("ix_inbound_messages_received_at", ["received_at", "id"], unique=False)
        batch_op.create_index("ix_inbound_messages_settled_at", ["settled_at"], unique=False)
        batch_op.create_index(
            "ix_inbound_messages_source_id", ["source_id", "received_at", "id"], unique=False
        )
        batch_op.create_index("ix_inbound_messages_state", ["state", "received_at", "id"], unique=False)

    op.create_table(
        "inbound_minutes",
        sa.Column("source_id", sa.String(length=40), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["inbound_sources.id"], name=op.f("fk_inbound_minutes_source_id")
        ),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_inbound_minutes")),
    )
    op.create_table(
        "inbound_repairs",
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("problems", shared.db.types.JsonDocument, nullable=False),
        sa.Column("by_kind", sa.String(length=20), nullable=False),
        sa.Column("by_id", sa.String(length=100), nullable=False),
        sa.Column("by_organisation_id", sa.String(length=40), nullable=True),
        sa.Column("at", shared.db.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["inbound_messages.id"], name=op.f("fk_inbound_repairs_message_id")
        ),
        sa.PrimaryKeyConstraint("message_id", "number", name=op.f("pk_inbound_repairs")),
    )


def downgrade() -> None:
    op.drop_table("inbound_repairs")
    op.drop_table("inbound_minutes")
    with op.batch_alter_table("inbound_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_inbound_messages_state")
        batch_op.drop_index("ix_inbound_messages_source_id")
        batch_op.drop_index("ix_inbound_messages_settled_at")
        batch_op.drop_index("ix_inbound_messages_received_at")
        batch_op.drop_index("ix_inbound_messages_organisation_id")

    op.drop_table("inbound_messages")
    op.drop_table("inbound_mappings")
    with op.batch_alter_table("inbound_sources", schema=None) as batch_op:
        batch_op.drop_index("ix_inbound_sources_organisation_id")
        batch_op.drop_index("ix_inbound_sources_created_at")

    op.drop_table("inbound_sources")
    with op.batch_alter_table("inbound_receipts", schema=None) as batch_op:
        batch_op.drop_index("ix_inbound_receipts_received_at")

    op.drop_table("inbound_receipts")
