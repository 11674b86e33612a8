"""What a run tells, and what it does not: why it failed in Chinese, pairs left out of it, a sealed seed"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("round_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("failure_zh", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("sealed_seed", sa.LargeBinary(), nullable=True))
        batch_op.alter_column("seed", existing_type=sa.String(length=64), nullable=True)

    with op.batch_alter_table("round_documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("left_out", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("round_documents", schema=None) as batch_op:
        batch_op.drop_column("left_out")

    # A sealed seed cannot be opened here: its round is lost. A published one keeps its seed in this table, but
    # the document of its certificate, which is told without a seed from 0009 on, stays without.
    op.execute(sa.text("UPDATE round_runs SET seed = '' WHERE seed IS NULL"))
    with op.batch_alter_table("round_runs", schema=None) as batch_op:
        batch_op.alter_column("seed", existing_type=sa.String(length=64), nullable=False)
        batch_op.drop_column("sealed_seed")
        batch_op.drop_column("failure_zh")
