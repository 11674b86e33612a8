"""History of landings, evaluations and proposed weights"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "admissions",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("enclave_id", sa.String(length=40), nullable=True),
        sa.Column("admitted_day", sa.Integer(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_admissions")),
    )
    with op.batch_alter_table("admissions", schema=None) as batch_op:
        batch_op.create_index("ix_admissions_enclave_id", ["enclave_id"], unique=False)
        batch_op.create_index("ix_admissions_revision", ["revision"], unique=False)

    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("horizon_months", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("directory_revision", sa.BigInteger(), nullable=False),
        sa.Column("result", shared.db.types.JsonDocument, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.create_index("ix_evaluations_created_at", ["created_at", "id"], unique=False)

    op.create_table(
        "landing_moves",
        sa.Column("landing_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("initial", sa.Boolean(), nullable=False),
        sa.Column("effective_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("recorded_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("landing_id", "version", name=op.f("pk_landing_moves")),
    )
    op.create_table(
        "landings",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("home_unit_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("landed_day", sa.Integer(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_landings")),
    )
    with op.batch_alter_table("landings", schema=None) as batch_op:
        batch_op.create_index("ix_landings_project_id", ["project_id"], unique=False)
        batch_op.create_index("ix_landings_revision", ["revision"], unique=False)

    op.create_table(
        "stage_moves",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("initial", sa.Boolean(), nullable=False),
        sa.Column("enclave_id", sa.String(length=40), nullable=True),
        sa.Column("effective_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("recorded_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "version", name=op.f("pk_stage_moves")),
    )
    op.create_table(
        "weight_proposals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("home_unit_id", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("profile_version", sa.Integer(), nullable=False),
        sa.Column("directory_revision", sa.BigInteger(), nullable=False),
        sa.Column("weights", shared.db.types.JsonDocument, nullable=True),
        sa.Column("evidence", shared.db.types.JsonDocument, nullable=False),
        sa.Column("decision_reason", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weight_proposals")),
    )
    with op.batch_alter_table("weight_proposals", schema=None) as batch_op:
        batch_op.create_index(
            "ix_weight_proposals_home_unit_id", ["home_unit_id", "created_at", "id"], unique=False
        )

    # Read the registry's feed again from its start: what the tables above hold was told before they were there.
    # What is on file stays, and an event that is told again changes nothing else. Letters go, for they would
    # be written a second time.
    op.execute(
        "UPDATE consumers SET cursor = NULL, epoch = '', position = 0, head = 0, caught_up_at = NULL "
        "WHERE name = 'registry'"
    )
    op.execute("DELETE FROM dead_letters WHERE consumer = 'registry'")


def downgrade() -> None:
    with op.batch_alter_table("weight_proposals", schema=None) as batch_op:
        batch_op.drop_index("ix_weight_proposals_home_unit_id")

    op.drop_table("weight_proposals")
    op.drop_table("stage_moves")
    with op.batch_alter_table("landings", schema=None) as batch_op:
        batch_op.drop_index("ix_landings_revision")
        batch_op.drop_index("ix_landings_project_id")

    op.drop_table("landings")
    op.drop_table("landing_moves")
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.drop_index("ix_evaluations_created_at")

    op.drop_table("evaluations")
    with op.batch_alter_table("admissions", schema=None) as batch_op:
        batch_op.drop_index("ix_admissions_revision")
        batch_op.drop_index("ix_admissions_enclave_id")

    op.drop_table("admissions")
