//! The limit on the nesting of the JSON in a body.

use memchr::memchr2_iter;

/// The deepest nesting of JSON that is accepted, in levels. Neither browsers nor backends should
/// have to read deeper nesting.
pub const DEEPEST: usize = 100;

/// Returns whether brackets outside of texts are nested too deep.
pub fn is_too_deep(json: &str) -> bool {
    // Counting is fast, and few bodies have enough brackets to need the exact depth.
    memchr2_iter(b'[', b'{', json.as_bytes()).count() > DEEPEST && depth(json) > DEEPEST
}

/// Returns the depth of nested brackets outside of texts.
fn depth(json: &str) -> usize {
    let (mut deepest, mut depth) = (0_usize, 0_usize);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        if in_text {
            in_text = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_texts() {
        assert_eq!(depth("{}"), 1);
        assert_eq!(depth(r#"[{"a": "[[[\"[["}, [[]]]"#), 3);
    }

    #[test]
    fn many_brackets_are_not_too_deep_beside_each_other_or_in_texts() {
        let (nested, beside) = (
            |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels)),
            "[],".repeat(DEEPEST + 1),
        );
        assert!(!is_too_deep(&nested(DEEPEST)) && is_too_deep(&nested(DEEPEST + 1)));
        assert!(!is_too_deep(&format!(
            "[{beside}{:?}]",
            nested(DEEPEST + 1)
        )));
    }
}
