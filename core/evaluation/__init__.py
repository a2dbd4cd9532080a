"""Room 6, Run → evidence: held-out data, benchmarks, safety probes and blind review, base against tuned on the same items."""
