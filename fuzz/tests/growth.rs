//! Gives each target large and uniform inputs, for which a parser that is not linear takes too
//! long. The targets themselves measure the time.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect shall fail"
)]

use channelstream_fuzz::TARGETS;

/// The size in bytes of inputs that are not part of an HTTP line.
const LARGE: usize = 300_000;

/// The longest target of a request, in bytes.
const LONGEST_LINE: usize = 60_000;

fn run(name: &str, inputs: &[String]) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let target = target.unwrap();
    for input in inputs {
        // This is shown when the target fails.
        println!("{name}: {}…", input.chars().take(60).collect::<String>());
        (target.run)(input.as_bytes());
    }
}

/// Repeats a text up to this size. Each `#` in it becomes another number.
fn repeated(text: &str, size: usize) -> String {
    let mut all = String::new();
    for number in 0.. {
        all.push_str(&text.replace('#', &number.to_string()));
        if all.len() >= size {
            break;
        }
    }
    all
}

fn repeated_between(before: &str, text: &str, after: &str) -> String {
    format!("{before}{}{after}", repeated(text, LARGE))
}

#[test]
fn bodies_take_linear_time() {
    let inputs = [
        repeated_between("POST /message\n[", "0,", "0]"),
        repeated_between("POST /message\n[{\"pm_users\":[", "\"#\",", "\"\"]}]"),
        repeated_between("POST /message\n[{\"", "\\\"[{", "\":0}]"),
        repeated_between("POST /message\n", "[", ""),
        repeated_between("POST /connect\n{", "\"#\":0,", "\"username\":\"a\"}"),
        repeated_between(
            "POST /user_state\n{\"user_state\":{",
            "\"#\":[],",
            "\"\":{}}}",
        ),
        repeated_between(
            "POST /connect\n{\"channel_configs\":{",
            "\"#\":{},",
            "\"\":{}}}",
        ),
        repeated_between("POST /channel_config\n{", "\"#\":{\"a\":0},", "\"\":{}}"),
        repeated_between(
            "POST /channel_config\n{\"\":{\"history_size\":\"",
            "1_",
            "1\"}}",
        ),
        repeated_between("POST /disconnect\n{\"conn_id\":\"", "urn:uuid:{", "\"}"),
    ];
    run("bodies", &inputs);
}

#[test]
fn frames_take_linear_time() {
    let inputs = [
        repeated("\u{1}", LARGE),
        repeated_between("\u{7f}", "a", ""),
    ];
    run("client_frames", &inputs);
    let target = TARGETS
        .into_iter()
        .find(|target| target.name == "client_frames");
    for frame in [&b"\x89\x80\0\0\0\0"[..], b"\x81\xfe\0\x00\0\0\0\0"] {
        for piece in [1, 255] {
            let stream = [&[piece][..], &frame.repeat(LARGE / frame.len())].concat();
            (target.unwrap().run)(&stream);
        }
    }
}

#[test]
fn packets_take_linear_time() {
    let inputs = [
        repeated_between("42[\"a\",", "[", ""),
        repeated_between("42[\"a\"", ",#", "]"),
        repeated_between("42", "1", "[\"a\"]"),
        repeated_between("40/", "?", ",{}"),
        repeated_between("40{\"a\":\"", "\\n", "\"}"),
    ];
    run("socket_io_packets", &inputs);
}

#[test]
fn positions_take_linear_time() {
    run(
        "last_event_id",
        &[repeated("AAAAAAAAAAAAAAAAAAAAAA__", LONGEST_LINE - 100)],
    );
}

#[test]
fn proxy_headers_take_linear_time() {
    let inputs = [
        repeated_between("10.0.0.1\n/\nX-Forwarded-For: ", "10.0.0.2, ", ""),
        repeated_between("10.0.0.1\n/\n", "X-Forwarded-For: 10.0.0.2\n", ""),
        repeated_between("10.0.0.1\n/\n", "X-Forwarded-#: 1\n", ""),
        repeated_between("10.0.0.1\n//\nX-Script-Name: ", "/", ""),
    ];
    run("proxy_headers", &inputs);
}

#[test]
fn queries_take_linear_time() {
    let words = ["a#=b&", "&", "%41", "conn_id=%7B&", "callback=a[0].&"];
    let inputs = words.map(|word| format!("/ws?{}", repeated(word, LONGEST_LINE)));
    run("query", &inputs);
    let ids = ["urn:", "uuid:", "%7B", "-"];
    let inputs = ids.map(|word| format!("/ws?conn_id={}", repeated(word, LONGEST_LINE)));
    run("query", &inputs);
}

#[test]
fn settings_files_take_linear_time() {
    let inputs = [
        repeated("k# = 1\n", LARGE),
        repeated_between("host = \"\"\"", "\n", "\"\"\""),
        repeated_between("host = [", "[],", "]"),
        repeated_between("host = ", "[", ""),
        repeated("[t#]\n", LARGE),
        repeated_between("", "a.", "a = 1\n"),
        repeated_between("port = \"", "a", "\""),
        repeated_between("allow_posting_from = [", "\"10.0.0.1\",", "]"),
    ];
    run("settings_toml", &inputs);
    let inputs = [
        repeated_between("[channelstream]\n", "k# = 1\n", ""),
        repeated_between("[channelstream]\nhost = a\n", "  b\n", ""),
        repeated_between("[channelstream]\nhost = a", "\n", ""),
        repeated("[s#]\n", LARGE),
        repeated_between("[channelstream]\na = 1\nhost = ", "%(a)s", ""),
        repeated_between("[channelstream]\nhost = ", "%", ""),
        repeated_between("[channelstream]\nhost = ", "%(", ""),
        repeated_between("[channelstream]\nallow_posting_from = ", "x,", ""),
    ];
    run("settings_ini", &inputs);
}

#[test]
fn signatures_take_linear_time() {
    run(
        "signature",
        &[".", "A", "=", "\n.", "a.b"].map(|word| repeated(word, LARGE)),
    );
}
