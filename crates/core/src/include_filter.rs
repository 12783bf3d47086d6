//! Include filters: fnmatch patterns over whole paths, always with regard to case, as the reference
//! reads them: `*` crosses `/`, a trailing `/` takes all below, a relative filter matches anywhere.

/// Whether a path, with `/` as separator, matches any of the filters.
pub fn matches_include_filters(path: &str, filters: &[impl AsRef<str>]) -> bool {
    filters.iter().any(|filter| IncludeFilter::new(filter.as_ref()).matches(path))
}

/// One filter, taken apart once for many paths.
#[derive(Debug, Clone)]
pub(crate) struct IncludeFilter {
    tokens: Vec<Token>,
    is_absolute: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Char(char),
    /// `[…]`: inclusive ranges; `negated` for `[!…]`.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl IncludeFilter {
    pub(crate) fn new(filter: &str) -> Self {
        let is_absolute = filter.starts_with('/') || filter.chars().nth(1) == Some(':');
        let is_anchored = is_absolute || filter.starts_with('*');
        let prefix = if is_anchored { "" } else { "*/" };
        let suffix = if filter.ends_with('/') { "*" } else { "" };
        Self { tokens: tokenize(&format!("{prefix}{filter}{suffix}")), is_absolute }
    }

    /// Whether it begins at a root or a drive, and not anywhere in a path.
    pub(crate) fn is_absolute(&self) -> bool {
        self.is_absolute
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        // Only the last `*` needs to be tried again, so the time is at most pattern × path.
        let mut rest = path.chars();
        let mut at = 0;
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            if self.tokens.get(at) == Some(&Token::Any) {
                at += 1;
                retry = Some((at, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            match (self.tokens.get(at), ahead.next()) {
                (None, None) => return true,
                (Some(token), Some(c)) if token.accepts(c) => {
                    rest = ahead;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let Some((after_star, from)) = retry.as_mut() else { return false };
            if from.next().is_none() {
                return false;
            }
            at = *after_star;
            rest = from.clone();
        }
    }
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Char(expected) => *expected == c,
            Self::Class { ranges, negated } => {
                ranges.iter().any(|(low, high)| (low..=high).contains(&&c)) != *negated
            }
        }
    }
}

fn tokenize(pattern: &str) -> Vec<Token> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        match c {
            '*' if tokens.last() == Some(&Token::Any) => {}
            '*' => tokens.push(Token::Any),
            '?' => tokens.push(Token::One),
            '[' => match class_end(&chars, at) {
                Some(end) => {
                    tokens.push(class(&chars[at..end]));
                    at = end + 1;
                }
                // Without its end a bracket is a character like any other.
                None => tokens.push(Token::Char('[')),
            },
            c => tokens.push(Token::Char(c)),
        }
    }
    tokens
}

/// The index of the `]` that ends a class; one that comes first is a member.
fn class_end(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    if chars.get(at) == Some(&'!') {
        at += 1;
    }
    if chars.get(at) == Some(&']') {
        at += 1;
    }
    (at..chars.len()).find(|&at| chars[at] == ']')
}

fn class(members: &[char]) -> Token {
    let negated = members.first() == Some(&'!');
    let body = if negated { &members[1..] } else { members };
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < body.len() {
        // A hyphen that is first or last in the class is a member itself.
        if at + 2 < body.len() && body[at + 1] == '-' {
            // A range that runs backwards holds nothing.
            if body[at] <= body[at + 2] {
                ranges.push((body[at], body[at + 2]));
            }
            at += 3;
        } else {
            ranges.push((body[at], body[at]));
            at += 1;
        }
    }
    Token::Class { ranges, negated }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(path: &str, filter: &str) -> bool {
        matches_include_filters(path, &[filter])
    }

    #[test]
    fn a_star_crosses_folders() {
        assert!(matches("/p/renders/a.png", "*.png"));
        assert!(matches("/p/renders/a.png", "/p/*"));
    }

    #[test]
    fn a_relative_filter_matches_anywhere_and_an_absolute_one_from_the_start() {
        assert!(matches("/p/renders/a.png", "renders/a.png"));
        assert!(!matches("/p/renders/a.png", "/renders/a.png"));
        assert!(matches("C:/x/a.png", "C:/x/*"));
    }

    #[test]
    fn a_trailing_slash_takes_all_below() {
        assert!(matches("/p/renders/deep/a.png", "renders/"));
        assert!(!matches("/p/renders", "renders/"));
    }

    #[test]
    fn case_counts() {
        assert!(!matches("/p/A.PNG", "*.png"));
    }

    #[test]
    fn classes_have_ranges_and_negation_and_keep_edge_hyphens_and_brackets() {
        assert!(matches("/f2", "f[1-3]") && !matches("/f4", "f[1-3]"));
        assert!(matches("/f4", "f[!1-3]") && !matches("/f2", "f[!1-3]"));
        assert!(matches("/f-", "f[-a]") && matches("/f-", "f[a-]"));
        assert!(matches("/f]", "f[]]") && matches("/x[1", "x[1"));
        assert!(!matches("/fb", "f[c-a]") && matches("/fb", "f[!c-a]"));
    }

    #[test]
    fn many_stars_over_a_long_path_end_soon() {
        assert!(!matches(&"a".repeat(20_000), &format!("{}b", "*a".repeat(200))));
    }
}
