//! Reads the `.ini` files of the original as Python's `ConfigParser` does.
//!
//! A value may continue on lines that are indented further. Comments are on lines of their own.
//! Duplicate keys and sections are refused. In a value `%%` stands for `%`, and `%(key)s` for the
//! value of another key.

use std::collections::BTreeMap;

/// The section whose keys apply to all sections.
const DEFAULTS: &str = "DEFAULT";

/// The largest depth to which values may refer to other values.
const DEEPEST: usize = 10;

/// The largest size, in bytes, of all values together after references are replaced. Without a
/// limit a few short lines that refer to each other could fill any amount of memory.
const LARGEST: usize = 1 << 20;

/// The error for a `%` that begins neither `%%` nor a reference to a known key. It does not quote
/// the name that was found, since the name may be part of a secret.
const STRAY_PERCENT: &str = "write % as %%; %(key)s must name a key of the section";

type IniValues = BTreeMap<String, String>;

/// Reads the keys of a section, in lower case, with their values.
///
/// # Errors
/// Returns what is wrong, with the number of the line. The line is not quoted, since it may hold a
/// secret.
pub(super) fn read(text: &str, section: &str) -> Result<IniValues, String> {
    let mut parser = IniParser::default();
    for (number, line) in (1..).zip(text.lines()) {
        parser
            .line(line)
            .map_err(|problem| format!("line {number}: {problem}"))?;
    }
    let mut values = parser.sections.remove(DEFAULTS).unwrap_or_default();
    values.extend(
        parser
            .sections
            .remove(section)
            .ok_or_else(|| format!("there is no section [{section}]"))?,
    );
    values
        .values_mut()
        .for_each(|value| value.truncate(value.trim_end().len()));
    let mut bytes_left = LARGEST;
    let interpolated = |(key, text): (&String, &String)| {
        let text = interpolate(text, &values, 1, &mut bytes_left);
        text.map(|text| (key.clone(), text))
            .map_err(|reason| format!("{key}: {reason}"))
    };
    values.iter().map(interpolated).collect()
}

#[derive(Default)]
struct IniParser {
    sections: BTreeMap<String, IniValues>,
    section: Option<String>,
    /// The key whose value may continue on the next line.
    key: Option<String>,
    /// The indentation, in characters, of the line with this key or with its section.
    indent: usize,
}

impl IniParser {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let text = line.trim();
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = line
            .chars()
            .take_while(|letter| letter.is_whitespace())
            .count();
        let is_continued = text.is_empty() || indent > self.indent;
        if let Some(value) = self.continued_value().filter(|_| is_continued) {
            value.push('\n');
            value.push_str(text);
            return Ok(());
        }
        if text.is_empty() {
            return Ok(());
        }
        self.indent = indent;
        match text
            .strip_prefix('[')
            .and_then(|rest| rest.rsplit_once(']'))
        {
            Some((name, _)) if !name.is_empty() => self.begin_section(name),
            _ => self.begin_value(text),
        }
    }

    fn continued_value(&mut self) -> Option<&mut String> {
        self.sections
            .get_mut(self.section.as_ref()?)?
            .get_mut(self.key.as_ref()?)
    }

    fn begin_section(&mut self, name: &str) -> Result<(), String> {
        if self.sections.contains_key(name) && name != DEFAULTS {
            return Err(format!("duplicate section [{name}]"));
        }
        self.sections.entry(name.to_owned()).or_default();
        (self.section, self.key) = (Some(name.to_owned()), None);
        Ok(())
    }

    fn begin_value(&mut self, text: &str) -> Result<(), String> {
        let Some(section) = &self.section else {
            return Err("a key is not allowed before the first section".to_owned());
        };
        let pair = text
            .split_once(['=', ':'])
            .map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned()));
        let Some((key, value)) = pair.filter(|(key, _)| !key.is_empty()) else {
            return Err(format!(
                "the section [{section}] has a line that is not `key = value`"
            ));
        };
        if self
            .sections
            .entry(section.clone())
            .or_default()
            .insert(key.clone(), value)
            .is_some()
        {
            return Err(format!("duplicate key {key}"));
        }
        self.key = Some(key);
        Ok(())
    }
}

/// Replaces the references in a text by the values that they name. `bytes_left` is the number of
/// bytes that all texts together may still have.
fn interpolate(
    text: &str,
    values: &IniValues,
    depth: usize,
    bytes_left: &mut usize,
) -> Result<String, String> {
    *bytes_left = bytes_left.checked_sub(text.len()).ok_or_else(|| {
        format!("all values together, with their references replaced, exceed {LARGEST} bytes")
    })?;
    if depth > DEEPEST {
        return Err(format!(
            "values refer to each other more than {DEEPEST} levels deep"
        ));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = after
            .strip_prefix('(')
            .and_then(|after| after.split_once(")s"))
        {
            let value = values.get(&name.to_lowercase()).ok_or(STRAY_PERCENT)?;
            out.push_str(&interpolate(value, values, depth + 1, bytes_left)?);
            rest = after;
        } else {
            return Err(STRAY_PERCENT.to_owned());
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Writes a value so that [`read`] and the original read the same text back.
///
/// # Errors
/// Fails if no `.ini` file can hold the text.
pub(super) fn escape(text: &str) -> Result<String, String> {
    if cfg!(feature = "planted-faults") {
        Ok(text.to_owned())
    } else if text.trim() == text && !text.contains(['\n', '\r']) {
        Ok(text.replace('%', "%%"))
    } else {
        Err(
            "an .ini file cannot hold a value with line breaks, or with spaces at its ends; \
             write a .toml file instead"
                .to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, key: &str) -> Result<String, String> {
        read(&format!("[a]\n{text}"), "a").map(|mut values| values.remove(key).unwrap_or_default())
    }

    #[test]
    fn a_value_continues_on_lines_that_are_indented_further() {
        assert_eq!(
            value("x = 1,\n  2,\n\n  # no\n  3\ny = 4\n", "x").as_deref(),
            Ok("1,\n2,\n\n3")
        );
        assert_eq!(value("  x = 1\n  y = 2\n", "x").as_deref(), Ok("1"));
        assert_eq!(value("x =\n  1\n", "x").as_deref(), Ok("\n1"));
    }

    #[test]
    fn defaults_apply_and_references_are_replaced() {
        let text = "[DEFAULT]\nroot = /srv\n[a]\nX: %(Root)s/%(name)s\nname = 100%%\n[b]\nx = 1\n";
        assert_eq!(
            read(text, "a").map(|values| values["x"].clone()).as_deref(),
            Ok("/srv/100%")
        );
    }

    #[test]
    fn a_file_that_python_refuses_is_refused() {
        for (text, reason) in [
            ("x = 1\nX = 2\n", "line 3: duplicate key x"),
            ("x = 1\n[a]\n", "line 3: duplicate section [a]"),
            (
                "x\n",
                "line 2: the section [a] has a line that is not `key = value`",
            ),
            (
                "= 1\n",
                "line 2: the section [a] has a line that is not `key = value`",
            ),
            (
                "x = 5%\n",
                "x: write % as %%; %(key)s must name a key of the section",
            ),
            (
                "x = %(y)s\n",
                "x: write % as %%; %(key)s must name a key of the section",
            ),
            (
                "x = %(x)s\n",
                "x: values refer to each other more than 10 levels deep",
            ),
        ] {
            assert_eq!(value(text, "x").unwrap_err(), reason, "{text}");
        }
        assert_eq!(
            read("x = 1\n", "a").unwrap_err(),
            "line 1: a key is not allowed before the first section"
        );
        assert_eq!(
            read("[b]\nx = 1\n", "a").unwrap_err(),
            "there is no section [a]"
        );
    }

    #[test]
    fn the_size_of_replaced_references_is_bounded() {
        let line = |level: u8| {
            let name = format!("%({})s", level + 1);
            format!("{level} = {}\n", name.repeat(10))
        };
        let lines: String = (0..9).map(line).collect();
        for last in ["9 = x\n", "9 =\n"] {
            assert_eq!(
                value(&format!("{lines}{last}"), "0").unwrap_err(),
                "0: all values together, with their references replaced, exceed 1048576 bytes"
            );
        }
    }

    #[test]
    fn an_escaped_value_is_read_back() {
        for text in ["plain", "100%", "%(x)s", "a=b:c#d;e", "[x]", ""] {
            assert_eq!(
                value(&format!("x = {}\n", escape(text).unwrap()), "x").as_deref(),
                Ok(text)
            );
        }
        assert!(escape("a\nb").is_err() && escape(" a").is_err());
    }
}
