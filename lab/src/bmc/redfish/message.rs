//! What goes wrong, in the words of DMTF's Base registry (DSP8011) and of vendors' own, and the body that carries them
//! (DSP0266, error responses). Pure.

use serde_json::{Value, json};

use super::request::Reply;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    id: String,
    text: String,
    arguments: Vec<String>,
    severity: &'static str,
    resolution: &'static str,
}

/// The registry's version that the texts are of.
const BASE: &str = "Base.1.18";

/// Name, text, severity, what to do.
const TEXTS: &[(&str, &str, &str, &str)] = &[
    ("Success", "The request completed successfully.", "OK", "None."),
    (
        "MalformedJSON",
        "The request body submitted was malformed JSON and could not be parsed by the receiving service.",
        "Critical",
        "Ensure that the request body is valid JSON and resubmit the request.",
    ),
    (
        "UnrecognizedRequestBody",
        "The service detected a malformed request body that it was unable to interpret.",
        "Warning",
        "Correct the request body and resubmit the request if it failed.",
    ),
    (
        "UnsupportedMediaType",
        "The content type '%1' is not supported by this service.",
        "Warning",
        "Send application/json.",
    ),
    (
        "ActionParameterMissing",
        "The action %1 requires the parameter %2 to be present in the request body.",
        "Critical",
        "Supply the action with the required parameter in the request body when the request is resubmitted.",
    ),
    (
        "ActionParameterUnknown",
        "The action %1 was submitted with the invalid parameter %2.",
        "Warning",
        "Correct the invalid parameter and resubmit the request if the operation failed.",
    ),
    (
        "ActionParameterValueNotInList",
        "The value '%1' for the parameter %2 in the action %3 is not in the list of acceptable values.",
        "Warning",
        "Choose a value from the enumeration list that the implementation can support and resubmit the request if the operation failed.",
    ),
    (
        "ActionParameterValueTypeError",
        "The value '%1' for the parameter %2 in the action %3 is not a type that the parameter can accept.",
        "Warning",
        "Correct the value for the parameter in the request body and resubmit the request if the operation failed.",
    ),
    (
        "PropertyUnknown",
        "The property %1 is not in the list of valid properties for the resource.",
        "Warning",
        "Remove the unknown property from the request body and resubmit the request if the operation failed.",
    ),
    (
        "PropertyNotWritable",
        "The property %1 is a read-only property and cannot be assigned a value.",
        "Warning",
        "Remove the property from the request body and resubmit the request if the operation failed.",
    ),
    (
        "PropertyMissing",
        "The property %1 is a required property and must be included in the request.",
        "Warning",
        "Ensure that the property is in the request body and has a valid value and resubmit the request if the operation failed.",
    ),
    (
        "PropertyValueNotInList",
        "The value '%1' for the property %2 is not in the list of acceptable values.",
        "Warning",
        "Choose a value from the enumeration list that the implementation can support and resubmit the request if the operation failed.",
    ),
    (
        "PropertyValueTypeError",
        "The value '%1' for the property %2 is not a type that the property can accept.",
        "Warning",
        "Correct the value for the property in the request body and resubmit the request if the operation failed.",
    ),
    (
        "PropertyValueOutOfRange",
        "The value '%1' for the property %2 is not in the supported range of acceptable values.",
        "Warning",
        "Correct the value for the property in the request body and resubmit the request if the operation failed.",
    ),
    (
        "ResourceMissingAtURI",
        "The resource at the URI '%1' was not found.",
        "Critical",
        "Place a valid resource at the URI or correct the URI and resubmit the request.",
    ),
    (
        "InternalError",
        "The request failed due to an internal service error.  The service is still operational.",
        "Critical",
        "Resubmit the request.  If the problem persists, consider resetting the service.",
    ),
    (
        "PreconditionFailed",
        "The ETag supplied did not match the ETag required to change this resource.",
        "Critical",
        "Try the operation again using the appropriate ETag.",
    ),
    (
        "PreconditionRequired",
        "A precondition header or annotation is required to change this resource.",
        "Critical",
        "Try the operation again using an If-Match or If-None-Match header and appropriate ETag.",
    ),
    (
        "NoOperation",
        "The request body submitted contain no data to act upon and no changes to the resource took place.",
        "Warning",
        "Add properties in the JSON object and resubmit the request.",
    ),
    ("OperationNotAllowed", "The HTTP method is not allowed on this resource.", "Critical", "None."),
    (
        "QueryNotSupportedOnResource",
        "Querying is not supported on the requested resource.",
        "Warning",
        "Remove the query parameters and resubmit the request if the operation failed.",
    ),
    (
        "SessionLimitExceeded",
        "The session establishment failed due to the number of simultaneous sessions exceeding the limit of the implementation.",
        "Critical",
        "Reduce the number of other sessions before trying to establish the session or increase the limit of simultaneous sessions, if supported.",
    ),
    (
        "ResourceAtUriUnauthorized",
        "While accessing the resource at '%1', the service received an authorization error '%2'.",
        "Critical",
        "Ensure that the appropriate access is provided for the service in order for it to access the URI.",
    ),
    (
        "NoValidSession",
        "There is no valid session established with the implementation.",
        "Critical",
        "Establish a session before attempting any operations.",
    ),
    (
        "HeaderInvalid",
        "Header '%1' is invalid.",
        "Critical",
        "Provide a valid request header and resubmit the request.",
    ),
];

/// Of registries that are not DMTF's, by their whole names.
const OWN_TEXTS: &[(&str, &str, &str, &str)] = &[
    // https://github.com/dell/dellemc-openmanage-ansible-modules/issues/132
    ("IDRAC.2.8.PSU501", "Server is already powered ON.", "Informational", "No response action is required."),
    (
        "IDRAC.2.8.PSU502",
        "Server is already powered OFF.",
        "Informational",
        "No response action is required.",
    ),
    // https://github.com/bb-Ricardo/check_redfish/issues/89
    (
        "IDRAC.2.8.RAC0218",
        "The maximum number of user sessions is reached.",
        "Informational",
        "Close one or more sessions before opening another session.",
    ),
    // DSP8011, Update.
    ("Update.1.1.VerificationFailed", "Verification of image '%1' at '%2' failed.", "Critical", "None."),
    // https://github.com/goldyfruit/ansible-ilo/issues/1
    (
        "iLO.2.14.InvalidOperationForSystemState",
        "The operation was not successful due to the current power state.",
        "Warning",
        "Change the power state and retry the operation.",
    ),
    // https://github.com/DMTF/Redfish-Tacklebox/issues/144
    (
        "Ami.1.0.OperationSupportedInFutureStateURI",
        "Support of this Operation for %1 Properties is moved to FutureState URI(%2)",
        "Warning",
        "Write the property there.",
    ),
];

impl Message {
    pub fn base(name: &str, arguments: &[&str]) -> Message {
        Message::of(TEXTS, name, format!("{BASE}.{name}"), arguments)
    }

    /// By a whole name; `Base.NAME` is of the registry's version here.
    pub fn named(id: &str, arguments: &[&str]) -> Message {
        match id.strip_prefix("Base.") {
            Some(name) => Message::base(name, arguments),
            None => Message::of(OWN_TEXTS, id, id.into(), arguments),
        }
    }

    fn of(
        texts: &[(&str, &str, &'static str, &'static str)],
        name: &str,
        id: String,
        arguments: &[&str],
    ) -> Message {
        let (text, severity, resolution) = texts
            .iter()
            .find(|(each, ..)| *each == name)
            .map_or((name, "Critical", "None."), |(_, text, severity, resolution)| {
                (text, severity, resolution)
            });
        let numbered = (1..).zip(arguments);
        let text =
            numbered.fold(text.to_string(), |text, (n, argument)| text.replace(&format!("%{n}"), argument));
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        Message { id, text, arguments, severity, resolution }
    }

    pub fn json(&self) -> Value {
        json!({
            "@odata.type": "#Message.v1_2_1.Message",
            "MessageId": self.id,
            "Message": self.text,
            "MessageArgs": self.arguments,
            "MessageSeverity": if self.severity == "Informational" { "OK" } else { self.severity },
            "Severity": if self.severity == "Informational" { "OK" } else { self.severity },
            "Resolution": self.resolution,
        })
    }
}

pub fn body(messages: &[Message]) -> Value {
    let (id, text) = match messages {
        [one] => (one.id.clone(), one.text.clone()),
        _ => (
            format!("{BASE}.GeneralError"),
            "A general error has occurred. See Resolution for information on how to resolve the error, or \
             @Message.ExtendedInfo if Resolution is not provided."
                .into(),
        ),
    };
    let told: Vec<Value> = messages.iter().map(Message::json).collect();
    json!({"error": {"code": id, "message": text, "@Message.ExtendedInfo": told}})
}

pub fn error(status: u16, messages: &[Message]) -> Reply {
    Reply::json(status, body(messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_arguments_in_its_text() {
        let message = Message::base("PropertyValueNotInList", &["Moon", "BootSourceOverrideTarget"]).json();
        assert_eq!(
            message["Message"],
            "The value 'Moon' for the property BootSourceOverrideTarget is not in the list of acceptable values."
        );
        assert_eq!(message["MessageId"], "Base.1.18.PropertyValueNotInList");
        assert_eq!(message["MessageArgs"], json!(["Moon", "BootSourceOverrideTarget"]));
    }

    #[test]
    fn several_messages_are_one_error() {
        let two = body(&[Message::base("PropertyUnknown", &["A"]), Message::named("IDRAC.2.8.PSU501", &[])]);
        assert_eq!(two["error"]["code"], "Base.1.18.GeneralError");
        let told = two["error"]["@Message.ExtendedInfo"].as_array().map(Vec::len);
        assert_eq!(told, Some(2));
    }
}
