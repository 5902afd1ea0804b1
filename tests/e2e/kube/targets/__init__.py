# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cases about targets need beside a control plane: pools of pods, their use, and optctl on a spec of their own."""
