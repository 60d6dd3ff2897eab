//! Known-answer vectors, shared with pytest: files under `tests/vectors`, read by tests alone.

use serde_json::Value;

/// The JSON file at `path` below `tests/vectors`.
pub(crate) fn read(path: &str) -> Value {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(path);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The bytes that a JSON string of hexadecimal digits stands for.
pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap();
    assert!(digits.len().is_multiple_of(2) && digits.is_ascii());
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
