//! Windows paths as Python's `ntpath` joins and normalises them.

use super::assemble;

/// Splits a drive (`C:`) or a share (`\\server\share`, `\\?\C:`, `\\?\UNC\server\share`) from the rest.
pub(super) fn split_drive(path: &str) -> (&str, &str) {
    let bytes = path.as_bytes();
    let is_separator = |b: u8| b == b'\\' || b == b'/';
    let next = |from: usize| (from..bytes.len()).find(|&i| is_separator(bytes[i]));
    if bytes.len() >= 2 && is_separator(bytes[0]) && is_separator(bytes[1]) {
        let start = if has_unc_prefix(bytes) { 8 } else { 2 };
        let share = next(start).and_then(|server_end| next(server_end + 1));
        return path.split_at(share.unwrap_or(path.len()));
    }
    match path.char_indices().nth(1) {
        Some((colon, ':')) => path.split_at(colon + 1),
        _ => ("", path),
    }
}

fn has_unc_prefix(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && bytes[..8].iter().zip(b"\\\\?\\UNC\\").all(|(&b, &expected)| {
            let b = if b == b'/' { b'\\' } else { b.to_ascii_uppercase() };
            b == expected
        })
}

pub(super) fn join(root: &str, path: &str) -> String {
    let (root_drive, root_rest) = split_drive(root);
    let (drive, rest) = split_drive(path);
    let separates = |text: &str| text.starts_with(['\\', '/']);
    if separates(rest) {
        let drive = if !drive.is_empty() || root_drive.is_empty() { drive } else { root_drive };
        return format!("{drive}{rest}");
    }
    let mut kept_drive = root_drive;
    if !drive.is_empty() && drive != root_drive {
        kept_drive = drive;
        if drive.to_lowercase() != root_drive.to_lowercase() {
            return anchored(drive, rest.to_owned());
        }
    }
    let mut joined = root_rest.to_owned();
    if !joined.is_empty() && !joined.ends_with(['\\', '/']) {
        joined.push('\\');
    }
    joined.push_str(rest);
    anchored(kept_drive, joined)
}

/// A share and a relative rest need a separator between them; a drive letter does not.
fn anchored(drive: &str, rest: String) -> String {
    if !rest.is_empty() && !rest.starts_with(['\\', '/']) && !drive.is_empty() && !drive.ends_with(':') {
        format!("{drive}\\{rest}")
    } else {
        format!("{drive}{rest}")
    }
}

pub(super) fn normalize(path: &str) -> String {
    let path = path.replace('/', "\\");
    let (drive, rest) = split_drive(&path);
    let anchor = if rest.starts_with('\\') { format!("{drive}\\") } else { drive.to_owned() };
    let normal = assemble(&anchor, rest, '\\');
    // `assemble` writes "." only where nothing else is left.
    if normal == "." && !anchor.is_empty() { anchor } else { normal }
}
