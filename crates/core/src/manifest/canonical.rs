//! The quick way through a `2023-03-03` manifest in its canonical form, which is what every known writer writes:
//! the bytes between the values are known beforehand, so nothing but the values is looked at.

use super::build::{Builder, Draft, MAX_SAFE_INTEGER};
use super::wtf8::Wtf8;
use super::{Manifest, ManifestVersion};

/// Reads a manifest in canonical form; none for anything else, wrong or right, which is left to the general way
/// with its errors.
pub(super) fn read(text: &str) -> Option<Manifest> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.expect(r#"{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":["#)?;
    // A third of a document is names, and an entry has at least a hundred bytes.
    let mut builder = Builder::new(ManifestVersion::V2023_03_03, text.len() / 3, text.len() / 100);
    loop {
        let draft = cursor.entry()?;
        builder.file(draft).ok()?;
        match cursor.byte()? {
            b',' => {}
            b']' => break,
            _ => return None,
        }
    }
    cursor.expect(r#","totalSize":"#)?;
    let total_size = cursor.integer()?;
    cursor.expect("}")?;
    cursor.rest().trim_ascii().is_empty().then(|| builder.finish(Some(total_size)).ok())?
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn expect(&mut self, expected: &str) -> Option<()> {
        self.rest().starts_with(expected.as_bytes()).then(|| self.at += expected.len())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.rest().first()?;
        self.at += 1;
        Some(byte)
    }

    fn entry(&mut self) -> Option<Draft<'a>> {
        self.expect(r#"{"hash":""#)?;
        let hash = self.text.get(self.at..self.at + 32)?;
        self.at += hash.len();
        self.expect(r#"","mtime":"#)?;
        let mtime = self.integer()?;
        self.expect(r#","path":"#)?;
        let path = self.string()?;
        self.expect(r#","size":"#)?;
        let size = self.integer()?;
        self.expect("}")?;
        Some(Draft {
            path: path.0,
            hash: Some(hash.into()),
            size: Some(size),
            mtime: Some(mtime),
            chunk_hashes: None,
            symlink_target: None,
            runnable: false,
            deleted: false,
        })
    }

    /// An integer as JSON writes it: no leading zeros, no fraction, at most 2^53.
    fn integer(&mut self) -> Option<i64> {
        let rest = self.rest();
        let is_negative = rest.first() == Some(&b'-');
        let digits = &rest[usize::from(is_negative)..];
        // One digit more than the greatest has tells that there are too many.
        let count = digits.iter().take(17).take_while(|digit| digit.is_ascii_digit()).count();
        if count == 0 || count > 16 || (count > 1 && digits[0] == b'0') {
            return None;
        }
        let value = digits[..count].iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        self.at += count + usize::from(is_negative);
        let is_whole = !matches!(self.rest().first(), Some(b'.' | b'e' | b'E'));
        (is_whole && value <= MAX_SAFE_INTEGER).then_some(if is_negative { -value } else { value })
    }

    /// A string; one with escapes is read by the JSON reader.
    fn string(&mut self) -> Option<Wtf8<'a>> {
        let start = self.at;
        self.expect("\"")?;
        let mut has_escapes = false;
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.rest())?;
            self.at += found + 1;
            if self.text.as_bytes()[self.at - 1] == b'"' {
                break;
            }
            has_escapes = true;
            self.at += 1;
            if self.at > self.text.len() {
                return None;
            }
        }
        if has_escapes {
            return serde_json::from_str(self.text.get(start..self.at)?).ok();
        }
        Some(Wtf8(self.text.as_bytes()[start + 1..self.at - 1].into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(entry: &str) -> String {
        format!(r#"{{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":[{entry}],"totalSize":3}}"#)
    }

    fn entry(mtime: &str, path: &str) -> String {
        format!(r#"{{"hash":"0123456789abcdef0123456789abcdef","mtime":{mtime},"path":"{path}","size":3}}"#)
    }

    #[test]
    fn the_quick_way_and_the_general_way_read_the_same() {
        for path in ["a/b", "\\ud83d\\ude00", "\\ud83d", "a\\\\\\\"b", "é"] {
            let json = manifest(&[entry("-5", path), entry("9007199254740991", "x")].join(","));
            let quick = read(&json).expect("this is canonical");
            // White space is all that keeps a document from the quick way.
            let general = Manifest::decode(json.replacen(':', ": ", 1).as_bytes()).unwrap();
            assert_eq!(format!("{quick:?}"), format!("{general:?}"));
        }
    }

    #[test]
    fn what_is_not_canonical_is_left_to_the_general_way() {
        let odd_numbers = ["1.0", "1e3", "01", "-", "9007199254740992", "99999999999999999999", "true"];
        for entry in odd_numbers.map(|number| entry(number, "a")) {
            assert!(read(&manifest(&entry)).is_none(), "{entry}");
        }
        let whole = manifest(&entry("1", "a"));
        assert!(read(&whole).is_some());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_none(), "cut at {end}");
        }
        for other in [manifest(""), format!("{whole}x"), whole.replace("0123", "012é")] {
            assert!(read(&other).is_none(), "{other}");
        }
    }
}
