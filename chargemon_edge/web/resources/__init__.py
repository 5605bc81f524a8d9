"""What the API offers, one module per topic: shapes, handlers, and the endpoints that join them."""
