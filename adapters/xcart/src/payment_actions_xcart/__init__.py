"""X-Cart as a store platform of payment-actions."""
