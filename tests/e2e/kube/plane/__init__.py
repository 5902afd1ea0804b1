# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Kubernetes control plane on loopback: see docs/e2e.md."""
