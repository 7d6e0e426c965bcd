//! Reads secrets from files of their own, which Docker, Kubernetes and systemd provide.

use std::fs;

use super::secret_list::SecretList;
use super::table::Settings;

/// The keys of the secrets that can be kept in a file of their own.
pub(super) const SECRETS: [&str; 3] = ["secret", "admin_secret", "cookie_secret"];

/// Sets each secret whose file is named. `given` holds the keys of the secrets that were set
/// directly.
///
/// Returns the problems: a secret that was set both ways, or a file that cannot be read or does not
/// hold what is expected.
pub(super) fn read(settings: &mut Settings, given: &[&str]) -> Vec<String> {
    let paths = [
        settings.secret_file.clone(),
        settings.admin_secret_file.clone(),
        settings.cookie_secret_file.clone(),
    ];
    let named = SECRETS.into_iter().zip(paths);
    named
        .filter(|(_, path)| !path.is_empty())
        .filter_map(|(key, path)| {
            if given.contains(&key) {
                return Some(format!(
                    "{key} and {key}_file are both set; remove one of them"
                ));
            }
            let read = read_lines(&path).and_then(|lines| set(settings, key, lines));
            read.err()
                .map(|reason| format!("{key}_file = {path}: {reason}"))
        })
        .collect()
}

/// Returns the lines of a file. The line break at the end of the file is not part of a secret.
fn read_lines(path: &str) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn set(settings: &mut Settings, key: &str, lines: Vec<String>) -> Result<(), String> {
    let found = lines.len();
    let secrets = SecretList::new(lines).map_err(|_| {
        "expected a secret on each line, but found an empty line or no line".to_owned()
    })?;
    if key == "secret" {
        settings.secret = secrets;
        return Ok(());
    }
    if found > 1 {
        return Err(format!(
            "expected one line with the secret, but found {found} lines"
        ));
    }
    let secret = secrets.first().clone();
    if key == "admin_secret" {
        settings.admin_secret = secret;
    } else {
        settings.cookie_secret = secret;
    }
    Ok(())
}
