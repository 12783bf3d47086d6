//! xxh3-128 and its hex form.

use xxhash_rust::xxh3::xxh3_128;

/// The xxh3-128 of `bytes` as 32 lowercase hex digits.
pub fn xxh128_hex(bytes: &[u8]) -> String {
    to_hex(&xxh3_128(bytes).to_be_bytes())
}

pub(crate) fn to_hex(bytes: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The 16 bytes behind 32 lowercase hex digits; none for any other text.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen < 16).then_some(bytes)
}

/// The value of each hex digit; 255 for what is none.
static NIBBLES: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_bytes_are_each_others_inverse_and_upper_case_is_no_hash_of_ours() {
        let hex = xxh128_hex(b"");
        assert_eq!(hex, "99aa06d3014798d86001c324468d497f");
        assert_eq!(from_hex(&hex).map(|bytes| to_hex(&bytes)), Some(hex.clone()));
        assert_eq!(from_hex(&hex.to_uppercase()), None);
    }
}
