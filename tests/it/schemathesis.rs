//! Schemathesis makes calls that the description allows and calls that it does not, and checks each
//! answer against the description. `make .schemathesis` installs it. `tests/schemathesis` says
//! which of its checks are off, and why.
//!
//! `SCHEMATHESIS_SEED=n` repeats the cases of a run that printed this seed. The short form always
//! uses the same cases.

mod planted;
mod run;

use crate::support::scale::scaled;

use self::run::{Limits, Run};

/// Returns the largest number of cases for each call, and the smallest number of cases in all.
fn size() -> (u32, u64) {
    scaled((5, 100), (1000, 20_000))
}

/// Returns the phases of the run. The long form also uses the examples of the description, and
/// values at the borders of each rule.
fn phases() -> &'static str {
    scaled("fuzzing", "examples,coverage,fuzzing")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_matches_the_description() {
    let (examples, cases) = size();
    let run = Run::new(Limits::OutOfReach).await;
    let report = run
        .call(&["-n", &examples.to_string(), "--phases", phases()])
        .await;
    report.assert_passed();
    assert!(report.cases >= cases, "only {} cases", report.cases);
    for call in scaled(Vec::new(), run.calls()) {
        // A request without an upgrade gets no websocket, and the tool makes no upgrades.
        let wanted = match call.as_str() {
            "GET /ws" => "426",
            // The tool names no session that exists.
            "GET /socket.io/" | "POST /socket.io/" => "400",
            _ => "200",
        };
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
    // The server does not check the signature of a call above the rate limit.
    let arguments = [
        "-n",
        &examples,
        "--phases",
        phases(),
        "--exclude-checks",
        "ignored_auth,missing_required_header",
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
