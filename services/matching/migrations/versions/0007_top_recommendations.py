"""Top recommendations"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recommendation_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("project_count", sa.Integer(), nullable=True),
        sa.Column("home_unit_count", sa.Integer(), nullable=True),
        sa.Column("changed_count", sa.Integer(), nullable=True),
        sa.Column("peak_mb", sa.Float(), nullable=True),
        sa.Column("directory_revision", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.Column("started_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.Column("finished_at", shared.db.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendation_runs")),
    )
    with op.batch_alter_table("recommendation_runs", schema=None) as batch_op:
        batch_op.create_index("ix_recommendation_runs_state", ["state", "id"], unique=False)

    op.create_table(
        "recommendation_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("filled", sa.Boolean(), nullable=False),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("leased_until", shared.db.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendation_state")),
    )
    op.create_table(
        "top_recommendations",
        sa.Column("project_id", sa.String(length=40), nullable=False),
        sa.Column("top", shared.db.types.JsonDocument, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", shared.db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_top_recommendations")),
    )


def downgrade() -> None:
    op.drop_table("top_recommendations")
    op.drop_table("recommendation_state")
    with op.batch_alter_table("recommendation_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_recommendation_runs_state")

    op.drop_table("recommendation_runs")
