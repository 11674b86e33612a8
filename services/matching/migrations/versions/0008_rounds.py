"""Rounds"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rounds",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("settings", shared.db.types.JsonDocument, nullable=False),
        sa.Column("home_unit_ids", shared.db.types.JsonDocument, nullable=False),
        sa.Column("not_taking_part", shared.db.types.JsonDocument, nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("published_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
    )
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.create_index("ix_rounds_created_at", ["created_at", "id"], unique=False)

    op.create_table(
        "shadow_prices",
        sa.Column("home_unit_id", sa.String(length=40), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("round_id", sa.String(length=40), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("home_unit_id", name=op.f("pk_shadow_prices")),
    )
    op.create_table(
        "round_offers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("round_id", sa.String(length=40), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("project_title", sa.String(length=200), nullable=False),
        sa.Column("home_unit_id", sa.String(length=40), nullable=False),
        sa.Column("home_unit_name", sa.String(length=200), nullable=False),
        sa.Column("conductor_ids", shared.db.types.JsonDocument, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("home_unit_answer", shared.db.types.JsonDocument, nullable=True),
        sa.Column("project_answer", shared.db.types.JsonDocument, nullable=True),
        sa.Column("deadline_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("decided_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("landing_state", sa.String(length=20), nullable=True),
        sa.Column("landing_id", sa.String(length=40), nullable=True),
        sa.Column("landing_code", sa.String(length=80), nullable=True),
        sa.Column("landing_attempts", sa.Integer(), nullable=False),
        sa.Column("landing_due_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("leased_until", shared.db.types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_offers_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_offers")),
        sa.UniqueConstraint(
            "round_id",
            "run_number",
            "project_id",
            name=op.f("uq_round_offers_round_id_run_number_project_id"),
        ),
    )
    with op.batch_alter_table("round_offers", schema=None) as batch_op:
        batch_op.create_index("ix_round_offers_created_at", ["created_at", "id"], unique=False)
        batch_op.create_index("ix_round_offers_deadline_at", ["state", "deadline_at"], unique=False)
        batch_op.create_index(
            "ix_round_offers_landing_due_at", ["landing_state", "landing_due_at"], unique=False
        )
        batch_op.create_index("ix_round_offers_round_id", ["round_id", "created_at", "id"], unique=False)

    op.create_table(
        "round_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("round_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("snapshot_hash", sa.String(length=64), nullable=False),
        sa.Column("configuration_hash", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("projects", sa.Integer(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=True),
        sa.Column("result_hash", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=True),
        sa.Column("figures", shared.db.types.JsonDocument, nullable=True),
        sa.Column("displaced", shared.db.types.JsonDocument, nullable=False),
        sa.Column("prices", shared.db.types.JsonDocument, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("finished_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("leased_until", shared.db.types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_round_runs_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_runs")),
        sa.UniqueConstraint("round_id", "number", name=op.f("uq_round_runs_round_id_number")),
    )
    with op.batch_alter_table("round_runs", schema=None) as batch_op:
        batch_op.create_index("ix_round_runs_state", ["state", "created_at"], unique=False)

    op.create_table(
        "round_documents",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["round_runs.id"], name=op.f("fk_round_documents_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_round_documents")),
    )
    with op.batch_alter_table("enclaves", schema=None) as batch_op:
        batch_op.add_column(sa.Column("operator_id", sa.String(length=40), nullable=True))

    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("conductor_ids", shared.db.types.JsonDocument, nullable=True))

    # Who speaks for a project was told before and not kept: the feed is read again over what is there.
    for table in ("projects", "enclaves"):
        op.execute(sa.text(f"UPDATE {table} SET version = 0"))
    fresh = "cursor = NULL, epoch = '', position = 0, head = 0, caught_up_at = NULL"
    op.execute(sa.text(f"UPDATE consumers SET {fresh} WHERE name = 'registry'"))


def downgrade() -> None:
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_column("conductor_ids")

    with op.batch_alter_table("enclaves", schema=None) as batch_op:
        batch_op.drop_column("operator_id")

    op.drop_table("round_documents")
    with op.batch_alter_table("round_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_round_runs_state")

    op.drop_table("round_runs")
    with op.batch_alter_table("round_offers", schema=None) as batch_op:
        batch_op.drop_index("ix_round_offers_round_id")
        batch_op.drop_index("ix_round_offers_landing_due_at")
        batch_op.drop_index("ix_round_offers_deadline_at")
        batch_op.drop_index("ix_round_offers_created_at")

    op.drop_table("round_offers")
    op.drop_table("shadow_prices")
    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.drop_index("ix_rounds_created_at")

    op.drop_table("rounds")
