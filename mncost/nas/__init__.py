"""Architecture search under a budget of latency: NetAdapt, and evolution over a design space."""
