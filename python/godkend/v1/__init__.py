"""The wire: messages and services of `godkend/v1`, made from proto/godkend/v1/*.proto."""
