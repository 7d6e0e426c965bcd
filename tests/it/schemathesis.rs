//! Schemathesis calls the server with what its description allows and with what it does not, and
//! holds each answer to the description. `make .schemathesis` installs it; `tests/schemathesis`
//! says which of its checks are off, and why.
//!
//! `SCHEMATHESIS_SEED=n` repeats the cases of a run that printed this seed. The short form always has
//! the same cases.

mod planted;
mod run;

use crate::support::scale::scaled;

use self::run::{Limits, Run};

/// How many cases of each call are made up at most, and how many cases there must be in all.
fn size() -> (u32, u64) {
    scaled((5, 100), (1000, 20_000))
}

/// What the long form takes from the description itself: examples, and values at the borders of
/// each rule.
fn phases() -> &'static str {
    scaled("fuzzing", "examples,coverage,fuzzing")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_outside_the_description() {
    let (examples, cases) = size();
    let run = Run::new(Limits::OutOfReach).await;
    let report = run
        .call(&["-n", &examples.to_string(), "--phases", phases()])
        .await;
    report.assert_passed();
    assert!(report.cases >= cases, "only {} cases", report.cases);
    for call in scaled(Vec::new(), run.calls()) {
        // What is not an upgrade gets no websocket, and the tool makes no upgrades.
        let wanted = if call == "GET /ws" { "426" } else { "200" };
        assert!(
            report.answers(&call).contains(&wanted),
            "{call} was never answered {wanted}"
        );
    }
    run.assert_that_the_log_has_no_errors();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_are_reached_answer_as_described() {
    let examples = scaled(2, 60).to_string();
    let run = Run::new(Limits::InReach).await;
    // Of calls that come too often it is not looked at whether they are signed.
    let arguments = [
        "-n",
        &examples,
        "--phases",
        phases(),
        "--exclude-checks",
        "ignored_auth",
    ];
    let report = run.call(&arguments).await;
    report.assert_passed();
    let limits = report.answers("LIMIT");
    assert!(
        limits.len() >= scaled(1, 8),
        "only these limits were reached: {limits:?}"
    );
    run.assert_that_the_log_has_no_errors();
}
