//! Checks the types of the browser client with the TypeScript compiler that `make .node` installs.

use std::path::Path;
use std::process::Command;

#[test]
fn pages_in_typescript_override_callbacks_and_add_mutators_of_every_kind() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiler = root.join("target/node/node_modules/.bin/tsc");
    assert!(compiler.exists(), "the compiler is missing: run make .node");
    let mut command = Command::new(compiler);
    command.args([
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--lib",
        "es2022,dom",
        "--module",
        "esnext",
    ]);
    command
        .args([
            "--moduleResolution",
            "bundler",
            "tests/it/client_types/page.ts",
        ])
        .current_dir(root);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
