//! The manifest of an image folder: an OS, a RAM boot image or a set of loaders is data.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub kind: ImageKind,
    pub arch: String,
    /// Kernel release; absent for loaders.
    pub kernel: Option<String>,
    /// The Kubernetes release that it holds, such as `1.36.3`; absent where it holds none.
    pub kubernetes: Option<String>,
    #[serde(default)]
    pub description: String,
    #[serde(rename = "file")]
    pub files: Vec<ImageFile>,
    /// How an OS is made bootable; absent for the others.
    pub boot: Option<Bootloader>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    Ram,
    Loaders,
    Os,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImageFile {
    pub name: String,
    pub role: FileRole,
    /// `raw`, `ext4.zst` or `tar.zst`.
    pub format: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes after decompression; 0 for a file that travels as it is.
    #[serde(default)]
    pub unpacked: u64,
    /// Hex, of the file as it travels.
    pub sha256: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileRole {
    Kernel,
    Initrd,
    Root,
    Loader,
}

/// Paths are relative to the root of the image, or to the ESP where named so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Bootloader {
    /// (file in the image, file on the ESP): copied, so that the firmware's own order is never touched.
    pub efi: Vec<(String, String)>,
    /// Where that EFI loader reads its configuration on the ESP.
    pub efi_config: String,
    /// The tool in the image that writes the BIOS boot code.
    pub bios: String,
    pub kernel_path: String,
    pub initrd_path: String,
}

/// What a reading of one file found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileCheck {
    pub name: String,
    /// Bytes that it should have.
    pub size: u64,
    /// None where it is what the manifest says.
    pub problem: Option<String>,
}

impl Manifest {
    /// The first file with a role is the one that is used.
    pub fn file(&self, role: FileRole) -> Option<&ImageFile> {
        self.files.iter().find(|f| f.role == role)
    }
}
