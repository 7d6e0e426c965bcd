//! The example for Kubernetes is valid, and the server accepts what it sets.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::folder::Folder;
use crate::support::server::command;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deploy/kubernetes.yml");

/// The oldest version of Kubernetes that `docs/deployment.md` names.
const OLDEST_VERSION: &str = "1.25";

/// A script that reads a file of YAML documents and prints them as JSON.
const TO_JSON: &str =
    "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";

/// Runs a program of the environment that `make .python` creates.
fn run(program: &str, arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target/python");
    assert!(
        tools.join("ready").exists(),
        "the tools are missing: run make .python"
    );
    let program = tools.join("bin").join(program);
    Command::new(program).args(arguments).output().unwrap()
}

/// Returns whether a manifest is valid in the newest version of Kubernetes that the tool knows, and
/// the output of the check.
fn validate(path: &str) -> (bool, String) {
    validate_with(&["--strict", path])
}

/// Returns whether a manifest is valid, and the output of the check with these arguments.
fn validate_with(arguments: &[&str]) -> (bool, String) {
    let output = run("kubernetes-validate", arguments);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}

/// Returns all documents of the example.
fn manifest() -> Vec<Value> {
    let output = run("python", &["-c", TO_JSON, MANIFEST]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the document of this kind and name.
fn find<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    documents
        .iter()
        .find(|it| it["kind"] == kind && it["metadata"]["name"] == name)
        .unwrap()
}

/// Returns the environment variables of the server's container.
fn variables(documents: &[Value]) -> BTreeMap<String, String> {
    let server = &find(documents, "StatefulSet", "channelstream")["spec"]["template"]["spec"];
    let variables = server["containers"][0]["env"].as_array().unwrap();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    variables
        .iter()
        .map(|it| (text(&it["name"]), text(&it["value"])))
        .collect()
}

#[test]
fn the_example_for_kubernetes_is_valid_and_a_mistake_in_it_is_found() {
    let (is_valid, said) = validate(MANIFEST);
    assert!(is_valid, "{said}");
    assert_eq!(said.matches(" passed for resource ").count(), 5, "{said}");
    let (is_valid, said) =
        validate_with(&["--kubernetes-version", OLDEST_VERSION, "--strict", MANIFEST]);
    assert!(is_valid, "{said}");
    let text = std::fs::read_to_string(MANIFEST).unwrap();
    let folder = Folder::new();
    for (right, wrong) in [
        ("readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("replicas: 1", "replicas: one"),
        ("policyTypes: [Ingress, Egress]", "policyTypes: Ingress"),
    ] {
        assert!(text.contains(right), "{right}");
        let path = folder.path("mistake.yml");
        std::fs::write(&path, text.replace(right, wrong)).unwrap();
        let (is_valid, said) = validate(&path);
        assert!(!is_valid, "{wrong} was not found: {said}");
    }
}

#[test]
fn the_server_takes_the_settings_of_the_example_for_kubernetes() {
    let folder = Folder::new();
    let documents = manifest();
    let mut variables = variables(&documents);
    let mut secrets = Vec::new();
    for (name, value) in &mut variables {
        if name.ends_with("_FILE") {
            let file = value.rsplit('/').next().unwrap().to_owned();
            *value = folder.path(&file);
            std::fs::write(&value, "a secret that is long enough").unwrap();
            secrets.push(file);
        }
    }
    assert_eq!(secrets, ["admin_secret", "cookie_secret", "secret"]);
    let given: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (code, said) = command(&["config", "check"], &given);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("warn"), "{said}");

    // The ports of the pod must be those on which the server listens.
    let pod = &find(&documents, "StatefulSet", "channelstream")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let ports = container["ports"].as_array().unwrap();
    for (port, name) in ports.iter().zip(["LISTEN", "INTERNAL_LISTEN"]) {
        let address = &variables[&format!("CHANNELSTREAM_{name}")];
        assert_eq!(*address, format!("0.0.0.0:{}", port["containerPort"]));
    }
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "internal", "{probe}");
    }
    for (service, port) in [
        ("channelstream", "clients"),
        ("channelstream-internal", "internal"),
    ] {
        let service = find(&documents, "Service", service);
        assert_eq!(service["spec"]["ports"][0]["targetPort"], port);
    }
}

#[test]
fn the_example_for_kubernetes_gives_a_stop_the_time_that_it_needs() {
    let documents = manifest();
    let variables = variables(&documents);
    let seconds = |name: &str| variables[&format!("CHANNELSTREAM_{name}")].parse::<f64>();
    let times = ["DRAIN_NOTICE", "DRAIN_TIME", "CLOSE_GRACE"].map(|name| seconds(name).unwrap());
    let pod = &find(&documents, "StatefulSet", "channelstream")["spec"]["template"]["spec"];
    let limit = pod["terminationGracePeriodSeconds"].as_f64().unwrap();
    // One second for the last answers.
    let longest = times.iter().sum::<f64>() + 1.0;
    assert!(limit > longest, "{limit} s for a stop of {longest} s");
}

#[test]
fn the_example_for_kubernetes_gives_the_server_no_rights() {
    let documents = manifest();
    let pod = &find(&documents, "StatefulSet", "channelstream")["spec"]["template"]["spec"];
    let (of_pod, of_container) = (
        &pod["securityContext"],
        &pod["containers"][0]["securityContext"],
    );
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(of_container["allowPrivilegeEscalation"], false);
    assert_eq!(of_container["readOnlyRootFilesystem"], true);
    assert_eq!(of_container["capabilities"]["drop"][0], "ALL");
    assert_eq!(pod["automountServiceAccountToken"], false);

    // The user of the image must own its volume.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dockerfile = std::fs::read_to_string(root.join("Dockerfile")).unwrap();
    let line = dockerfile.lines().find_map(|it| it.strip_prefix("USER "));
    let user = line.unwrap().split(':').next().unwrap();
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert_eq!(of_pod[key].to_string(), user, "{key}");
    }
}
