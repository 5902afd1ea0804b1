# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module is a case: play(world) fails by raising. What is right is asked of the API server, not of optctl."""
