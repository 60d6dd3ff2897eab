"""The gRPC service: one file per service, one interceptor around all of them."""
