"""webhook endpoints and deliveries"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "relayed_events",
        sa.Column("row_id", shared.db.types.RowId, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("root_id", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("relayed_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_relayed_events")),
        sa.UniqueConstraint("id", name=op.f("uq_relayed_events_id")),
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("delivery_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=40), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", "number", "started_at", name=op.f("pk_webhook_attempts")),
        postgresql_partition_by="RANGE (started_at)",
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("event_type", sa.String(length=80), nullable=False),
        sa.Column("event_sequence", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.String(length=40), nullable=False),
        sa.Column("root_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("finished_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("endpoint_id", "sequence", "created_at", name=op.f("pk_webhook_deliveries")),
        postgresql_partition_by="RANGE (created_at)",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE webhook_attempts_default PARTITION OF webhook_attempts DEFAULT")
        op.execute("CREATE TABLE webhook_deliveries_default PARTITION OF webhook_deliveries DEFAULT")
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_webhook_deliveries_due_at",
            ["endpoint_id", "due_at", "sequence"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index("ix_webhook_deliveries_id", ["id"], unique=False)
        batch_op.create_index(
            "ix_webhook_deliveries_subject_id", ["endpoint_id", "subject_id", "sequence"], unique=False
        )
        batch_op.create_index(
            "ix_webhook_deliveries_waiting",
            ["endpoint_id", "sequence"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "webhook_generation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_generation")),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=False),
        sa.Column("sees_network", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("event_types", shared.db.types.JsonDocument, nullable=False),
        sa.Column("home_unit_ids", shared.db.types.JsonDocument, nullable=True),
        sa.Column("enclave_ids", shared.db.types.JsonDocument, nullable=True),
        sa.Column("operator_ids", shared.db.types.JsonDocument, nullable=True),
        sa.Column("project_ids", shared.db.types.JsonDocument, nullable=True),
        sa.Column("ordering", sa.String(length=20), nullable=False),
        sa.Column("max_rps", sa.Integer(), nullable=True),
        sa.Column("max_in_flight", sa.Integer(), nullable=False),
        sa.Column("signatures", shared.db.types.JsonDocument, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("disabled_reason", sa.String(length=20), nullable=True),
        sa.Column("verified_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=op.f("fk_webhook_endpoints_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    with op.batch_alter_table("webhook_endpoints", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_endpoints_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_webhook_endpoints_organisation_id", ["organisation_id", "created_at", "id"], unique=False
        )
        batch_op.create_index("ix_webhook_endpoints_status", ["status", "created_at", "id"], unique=False)

    op.create_table(
        "webhook_lanes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("due_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("leased_until", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("handshake_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("handshake_tries", sa.Integer(), nullable=False),
        sa.Column("sweep", shared.db.types.JsonDocument, nullable=True),
        sa.Column("closed_until", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("breaker_open", sa.Boolean(), nullable=False),
        sa.Column("recent", shared.db.types.JsonDocument, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("last_success_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("enabled_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_lanes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_lanes")),
    )
    with op.batch_alter_table("webhook_lanes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_webhook_lanes_due_at",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.create_table(
        "webhook_replays",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("organisation_id", sa.String(length=40), nullable=True),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("criteria", shared.db.types.JsonDocument, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("position", sa.String(length=80), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("finished_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_replays_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_replays")),
    )
    with op.batch_alter_table("webhook_replays", schema=None) as batch_op:
        batch_op.create_index(
            "ix_webhook_replays_endpoint_id", ["endpoint_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_webhook_replays_organisation_id", ["organisation_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_webhook_replays_running",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )

    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("endpoint_id", sa.String(length=40), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_secrets_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    with op.batch_alter_table("webhook_secrets", schema=None) as batch_op:
        batch_op.create_index("ix_webhook_secrets_endpoint_id", ["endpoint_id", "created_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("webhook_secrets", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_secrets_endpoint_id")

    op.drop_table("webhook_secrets")
    with op.batch_alter_table("webhook_replays", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_webhook_replays_running",
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )
        batch_op.drop_index("ix_webhook_replays_organisation_id")
        batch_op.drop_index("ix_webhook_replays_endpoint_id")

    op.drop_table("webhook_replays")
    with op.batch_alter_table("webhook_lanes", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_webhook_lanes_due_at",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("webhook_lanes")
    with op.batch_alter_table("webhook_endpoints", schema=None) as batch_op:
        batch_op.drop_index("ix_webhook_endpoints_status")
        batch_op.drop_index("ix_webhook_endpoints_organisation_id")
        batch_op.drop_index("ix_webhook_endpoints_created_at")

    op.drop_table("webhook_endpoints")
    op.drop_table("webhook_generation")
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_webhook_deliveries_waiting",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.drop_index("ix_webhook_deliveries_subject_id")
        batch_op.drop_index("ix_webhook_deliveries_id")
        batch_op.drop_index(
            "ix_webhook_deliveries_due_at",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_attempts")
    op.drop_table("relayed_events")
