"""HTTP in: the partner's dashboard and API, and the operator's health and metrics."""
