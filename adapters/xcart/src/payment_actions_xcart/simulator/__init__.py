"""A development stand-in for an X-Cart 5 shop: both REST APIs, a control interface, nothing on disk."""
