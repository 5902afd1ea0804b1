# SPDX-License-Identifier: GPL-3.0-or-later
"""Real systems for tests of optctl: fetched, started on loopback, loaded by a script, watched, stopped."""
