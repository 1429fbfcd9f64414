//! The verbs of `metalctl image`.

use std::path::Path;

use api::client::Client;
use api::image::Manifest;

use crate::args::image::ImageVerb;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::reference::path_segment;
use crate::render::catalogue;

pub async fn run(verb: ImageVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        ImageVerb::List => list(client, io).await,
        ImageVerb::Show { image } => show(client, io, &image).await,
        ImageVerb::Verify { images } => verify(client, io, images).await,
        ImageVerb::Import { folder } => import(client, io, &folder).await,
        ImageVerb::Delete { image, yes } => delete(client, io, &image, yes).await,
    }
}

async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let images = client.images().await?;
    if io.json {
        io.json(&images)?;
    } else if images.is_empty() {
        io.say("No images: the server's image folder is empty")?;
    } else {
        io.data(&catalogue::images(&images, io.paint()))?;
    }
    Ok(Exit::Done)
}

async fn show(client: &Client, io: &mut Io<'_>, image: &str) -> Result<Exit, Failure> {
    let manifest = client.image(&path_segment(image)?).await?;
    match io.json {
        true => io.json(&manifest)?,
        false => io.data(&catalogue::image(&manifest, io.paint()))?,
    }
    Ok(Exit::Done)
}

/// All that are named, else all there are; one that is not whole ends it with a refusal.
async fn verify(client: &Client, io: &mut Io<'_>, images: Vec<String>) -> Result<Exit, Failure> {
    let names = match images.is_empty() {
        true => client.images().await?.into_iter().map(|manifest| manifest.name).collect(),
        false => images,
    };
    let (mut all, mut broken) = (Vec::new(), Vec::new());
    for name in names {
        let files = client.image_verify(&path_segment(&name)?).await?;
        if files.iter().any(|file| file.problem.is_some()) {
            broken.push(name.clone());
        }
        if !io.json {
            io.data(&catalogue::checks(&name, &files, io.paint()))?;
        }
        all.push((name, files));
    }
    if io.json {
        io.json(&all)?;
    }
    match broken.is_empty() {
        true => Ok(Exit::Done),
        false => Err(Failure::new(
            Exit::Refused,
            format!("not whole: {}", broken.join(", ")),
            "no machine installs it: build the image again, or import it again",
        )),
    }
}

/// Brings a folder as `images/build` makes it: the files first, and all of them count at once.
async fn import(client: &Client, io: &mut Io<'_>, folder: &Path) -> Result<Exit, Failure> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        let hint = "an image is a folder with a manifest.toml and the files that it names";
        Failure::new(Exit::Usage, format!("cannot read {}: {error}", path.display()), hint)
    };
    let path = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| unreadable(&path, &error))?;
    let name = path_segment(&manifest.name)?;
    let names = manifest.files.iter().map(|file| file.name.as_str());
    for file in std::iter::once("manifest.toml").chain(names) {
        let path = folder.join(file);
        let opened = tokio::fs::File::open(&path).await.map_err(|error| unreadable(&path, &error))?;
        let size = opened.metadata().await.map_err(|error| unreadable(&path, &error))?.len();
        io.say(&format!("{file}, {}", api::words::size(size)))?;
        client.image_file(&name, &path_segment(file)?, opened, size).await?;
    }
    let taken = client.image_import(&name).await?;
    match io.json {
        true => io.json(&taken)?,
        false => io.data(&format!("{} {} is there", taken.name, taken.version))?,
    }
    Ok(Exit::Done)
}

async fn delete(client: &Client, io: &mut Io<'_>, image: &str, yes: bool) -> Result<Exit, Failure> {
    let name = path_segment(image)?;
    let manifest = client.image(&name).await?;
    io.say(&catalogue::image(&manifest, io.talk_paint()))?;
    if !yes && !io.screen.input {
        let hint = "say --yes once you have seen what it is";
        return Err(Failure::new(
            Exit::Usage,
            "this deletes an image and there is no terminal to ask at",
            hint,
        ));
    }
    if !yes {
        let typed = io.ask("Type the image's name to delete it")?;
        if typed != manifest.name {
            let message = format!("`{typed}` is not `{}`: nothing was done", manifest.name);
            return Err(Failure::new(Exit::Refused, message, "`metalctl image list` shows the names"));
        }
    }
    client.image_delete(&name).await?;
    io.say(&format!("{} is gone", manifest.name))?;
    Ok(Exit::Done)
}
