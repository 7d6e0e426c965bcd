//! The list in `docs/security.md` names settings and tests that exist, and its statements about
//! pages are true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use reqwest::Method;

use crate::support::client::Backend;
use crate::support::server::{Server, command};

/// Returns the words between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Returns the files that may hold a module of the tests.
fn files_of(module: &str) -> [PathBuf; 2] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let path = module.replace("::", "/");
    [
        tests.join(format!("{path}.rs")),
        tests.join(path).join("mod.rs"),
    ]
}

/// Returns an error with the reason if a test does not exist.
fn find_test(test: &str) -> Result<(), String> {
    let (module, function) = test
        .rsplit_once("::")
        .ok_or(format!("{test} names no module"))?;
    let files = files_of(module);
    let text = files.iter().find_map(|it| std::fs::read_to_string(it).ok());
    let text = text.ok_or(format!("there is no module {module}"))?;
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let is_named = |line: &str| {
        let rest = line.trim_start_matches("async ").strip_prefix("fn ");
        rest.and_then(|rest| rest.strip_prefix(function))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let at = lines.iter().position(|line| is_named(line));
    let at = at.ok_or(format!("{module} has no {function}"))?;
    let is_test =
        at > 0 && (lines[at - 1] == "#[test]" || lines[at - 1].starts_with("#[tokio::test"));
    is_test.then_some(()).ok_or(format!("{test} is not a test"))
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = page();
    let tests: Vec<_> = (quoted(&page).into_iter())
        .filter(|word| word.contains("::"))
        .collect();
    assert!(tests.len() > 30, "{tests:?}");
    let missing: Vec<_> = tests.iter().filter_map(|it| find_test(it).err()).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for wrong in [
        "commands::no_such_test",
        "nowhere::at_all",
        "commands::in_folder",
        "commands",
    ] {
        assert!(find_test(wrong).is_err(), "{wrong} was found");
    }
}

#[test]
fn every_line_of_the_security_page_names_a_test() {
    let page = page();
    let lines = page.lines().filter(|line| line.starts_with("| "));
    let rows = lines.filter(|line| !line.starts_with("| ---") && !line.ends_with("| test |"));
    for row in rows {
        let test = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(test.contains("::"), "no test in {row}");
    }
}

#[test]
fn every_setting_that_the_security_page_names_exists() {
    let (code, shown) = command(&["config", "show"], &[]);
    assert_eq!(code, Some(0), "{shown}");
    let lines = shown.lines().filter_map(|line| line.split_once(" = "));
    let known: BTreeSet<_> = lines
        .map(|(key, _)| key.trim_start_matches('#').trim())
        .collect();
    let page = page();
    let is_key =
        |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let named = quoted(&page)
        .into_iter()
        .map(|word| word.split(" = ").next());
    for key in named.flatten().filter(|it| is_key(it) && *it != "conn_id") {
        assert!(known.contains(key), "there is no setting {key}: {known:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_loads_files_of_this_server_only() {
    let server = Server::start(&[("demo", "true")]);
    let backend = Backend::of(&server);
    for path in ["/", "/demo", "/admin/sign_in", "/admin", "/api-explorer"] {
        let page = backend.request(Method::GET, path).send().await.unwrap();
        let is_page = page.status() == 200;
        let policy = page.headers().get("content-security-policy");
        // A visitor who is not signed in is redirected.
        let Some(policy) = policy.filter(|_| is_page) else {
            assert!(!is_page, "{path} has no policy");
            continue;
        };
        let policy = policy.to_str().unwrap();
        let scripts = policy.split(';').find_map(|it| {
            let it = it.trim();
            (it.strip_prefix("script-src")).or(it.strip_prefix("default-src"))
        });
        let scripts = scripts.unwrap_or_else(|| panic!("{path}: {policy}"));
        for word in ["unsafe-inline", "unsafe-eval", "*", "http"] {
            assert!(!scripts.contains(word), "{path}: {policy}");
        }
    }
}
