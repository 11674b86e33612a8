"""What a run tells: why it failed in Chinese, and which pairs were left out of it"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("round_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("failure_zh", sa.Text(), nullable=True))

    with op.batch_alter_table("round_documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("left_out", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("round_documents", schema=None) as batch_op:
        batch_op.drop_column("left_out")

    with op.batch_alter_table("round_runs", schema=None) as batch_op:
        batch_op.drop_column("failure_zh")
