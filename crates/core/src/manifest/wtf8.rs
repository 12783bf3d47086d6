//! WTF-8: UTF-8 that may hold lone surrogates, which the reference writes for names that are no text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// A JSON string that may hold lone surrogates, which the reference writes for undecodable names.
pub(super) struct Wtf8<'a>(pub(super) Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Wtf8<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Wtf8<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Wtf8(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Wtf8(Cow::Owned(bytes.to_vec())))
            }
        }
        // A list of small integers is "bytes" to the JSON reader too; it is refused, as nothing visits a list.
        deserializer.deserialize_bytes(Text)
    }
}

/// The UTF-16 units of WTF-8, lone surrogates included. Trusts its input to be WTF-8, as the JSON reader writes it.
pub(super) fn utf16(wtf8: &[u8]) -> impl Iterator<Item = u16> {
    let mut at = 0;
    let mut low = None;
    std::iter::from_fn(move || {
        if let Some(low) = low.take() {
            return Some(low);
        }
        let first = *wtf8.get(at)?;
        let (length, head) = match first {
            0..0x80 => (1, u32::from(first)),
            0x80..0xe0 => (2, u32::from(first & 0x1f)),
            0xe0..0xf0 => (3, u32::from(first & 0x0f)),
            _ => (4, u32::from(first & 0x07)),
        };
        let rest = wtf8.iter().skip(at + 1).take(length - 1);
        let code = rest.fold(head, |code, &byte| code << 6 | u32::from(byte & 0x3f));
        at += length;
        if code < 0x1_0000 {
            return u16::try_from(code).ok();
        }
        let code = code - 0x1_0000;
        low = u16::try_from(0xdc00 | (code & 0x3ff)).ok();
        u16::try_from(0xd800 | ((code >> 10) & 0x3ff)).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_of_wtf8_is_utf16_of_text_and_keeps_lone_surrogates() {
        let text = "aé東𐀀";
        assert!(utf16(text.as_bytes()).eq(text.encode_utf16()));
        assert!(utf16(b"\xed\xa0\x80x").eq([0xd800, 0x78]));
    }
}
