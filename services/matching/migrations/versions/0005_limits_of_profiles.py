"""Limits of profiles"""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ADDED = ("quotas", "industry_caps", "budgets", "preferences")


def upgrade() -> None:
    with op.batch_alter_table("home_unit_profiles", schema=None) as batch_op:
        for name in _ADDED:
            batch_op.add_column(sa.Column(name, shared.db.types.JsonDocument, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("home_unit_profiles", schema=None) as batch_op:
        for name in reversed(_ADDED):
            batch_op.drop_column(name)
