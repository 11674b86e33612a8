"""Named consumers of the feed"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_consumers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=False),
        sa.Column("types", shared.db.types.JsonDocument, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_consumers")),
        sa.UniqueConstraint("owner_id", "name", name=op.f("uq_event_consumers_owner_id_name")),
    )
    with op.batch_alter_table("event_consumers", schema=None) as batch_op:
        batch_op.create_index("ix_event_consumers_owner_id", ["owner_id", "created_at", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("event_consumers", schema=None) as batch_op:
        batch_op.drop_index("ix_event_consumers_owner_id")

    op.drop_table("event_consumers")
