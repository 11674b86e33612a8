"""Sandbox receivers and their hits"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sandbox_receivers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=1000), nullable=False),
        sa.Column("handshake", sa.String(length=10), nullable=False),
        sa.Column("script", shared.db.types.JsonDocument, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("steps_taken", sa.Integer(), nullable=False),
        sa.Column("bytes_taken", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("deleted_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_sandbox_receivers_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_receivers")),
    )
    with op.batch_alter_table("sandbox_receivers", schema=None) as batch_op:
        batch_op.create_index("ix_sandbox_receivers_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index("ix_sandbox_receivers_last_used_at", ["last_used_at"], unique=False)
        batch_op.create_index(
            "ix_sandbox_receivers_organisation_id", ["organisation_id", "created_at", "id"], unique=False
        )

    op.create_table(
        "sandbox_hits",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("receiver_id", sa.String(length=40), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bytes_taken", sa.BigInteger(), nullable=False),
        sa.Column("received_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=True),
        sa.Column("type", sa.String(length=200), nullable=True),
        sa.Column("delivery_id", sa.String(length=200), nullable=True),
        sa.Column("endpoint_id", sa.String(length=200), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("duplicate", sa.Boolean(), nullable=False),
        sa.Column("handshake", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("retry_after", sa.Integer(), nullable=True),
        sa.Column("delay_ms", sa.Integer(), nullable=False),
        sa.Column("challenge_answered", sa.Boolean(), nullable=False),
        sa.Column("headers", shared.db.types.JsonDocument, nullable=False),
        sa.Column("body_bytes", sa.Integer(), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["receiver_id"], ["sandbox_receivers.id"], name=op.f("fk_sandbox_hits_receiver_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_hits")),
    )
    with op.batch_alter_table("sandbox_hits", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sandbox_hits_bytes_taken", ["receiver_id", "run", "bytes_taken"], unique=False
        )
        batch_op.create_index(
            "ix_sandbox_hits_message_id", ["receiver_id", "run", "message_id", "number"], unique=False
        )
        batch_op.create_index("ix_sandbox_hits_received_at", ["received_at"], unique=False)
        batch_op.create_index("uq_sandbox_hits_number", ["receiver_id", "run", "number"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("sandbox_hits", schema=None) as batch_op:
        batch_op.drop_index("uq_sandbox_hits_number")
        batch_op.drop_index("ix_sandbox_hits_received_at")
        batch_op.drop_index("ix_sandbox_hits_message_id")
        batch_op.drop_index("ix_sandbox_hits_bytes_taken")

    op.drop_table("sandbox_hits")
    with op.batch_alter_table("sandbox_receivers", schema=None) as batch_op:
        batch_op.drop_index("ix_sandbox_receivers_organisation_id")
        batch_op.drop_index("ix_sandbox_receivers_last_used_at")
        batch_op.drop_index("ix_sandbox_receivers_created_at")

    op.drop_table("sandbox_receivers")
