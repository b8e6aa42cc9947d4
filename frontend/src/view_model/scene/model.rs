//! Whichever scene a step asks for, as its model.

use super::Drawing;
use crate::view_model::kernel::{self, KernelModel};
use crate::view_model::measure::Measure;
use crate::view_model::moment::World;
use crate::view_model::section::{self, SectionModel, Wanted};
use lessons::Scene;

#[derive(Clone, Debug, PartialEq)]
pub enum SceneModel {
    Section(SectionModel),
    Kernel(KernelModel),
}

/// The room a scene is laid out for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Room {
    Page {
        width: f64,
        height: f64,
    },
    /// Always the same, and then as large as the wall.
    Projector,
}

const PROJECTOR: (f64, f64) = (1280.0, 588.0);

impl SceneModel {
    /// What the scene shows now; nothing for a scene that shows no facts.
    pub fn new(scene: &Scene, world: Option<&World>) -> Option<SceneModel> {
        match scene {
            Scene::Layers { image, containers, files } => {
                let wanted = Wanted { image, containers, files };
                let empty = || SectionModel { image: image.clone(), ..SectionModel::default() };
                Some(SceneModel::Section(world.map_or_else(empty, |world| SectionModel::new(wanted, world))))
            }
            Scene::Kernel(wanted) => Some(SceneModel::Kernel(KernelModel::new(wanted, world))),
            Scene::Plot { .. } | Scene::None => None,
        }
    }

    /// Nothing that it is about is there yet.
    pub fn is_vacant(&self) -> bool {
        match self {
            SceneModel::Section(section) => section.is_vacant(),
            SceneModel::Kernel(kernel) => kernel.is_vacant(),
        }
    }

    pub fn section(&self) -> Option<&SectionModel> {
        match self {
            SceneModel::Section(section) => Some(section),
            SceneModel::Kernel(_) => None,
        }
    }

    pub fn lay_out(&self, room: Room, measure: &dyn Measure) -> Drawing {
        match (self, room) {
            (SceneModel::Section(section), Room::Page { width, height }) => {
                section::lay_out(section, section::style::for_room(width, height), width, height, measure)
            }
            (SceneModel::Section(section), Room::Projector) => {
                section::lay_out(section, section::style::PROJECTOR, PROJECTOR.0, PROJECTOR.1, measure)
            }
            (SceneModel::Kernel(model), Room::Page { width, height }) => {
                kernel::lay_out(model, kernel::style::for_room(width, height), width, height, measure)
            }
            (SceneModel::Kernel(model), Room::Projector) => {
                kernel::lay_out(model, kernel::style::PROJECTOR, PROJECTOR.0, PROJECTOR.1, measure)
            }
        }
    }

    /// The same as sentences: term and description.
    pub fn description(&self) -> Vec<(String, String)> {
        match self {
            SceneModel::Section(section) => section::words::description(section),
            SceneModel::Kernel(model) => kernel::words::description(model),
        }
    }

    pub fn label(&self) -> String {
        match self {
            SceneModel::Section(section) => format!("Section through image {}", section.image),
            SceneModel::Kernel(_) => "The kernel, opened".to_owned(),
        }
    }

    /// What the stylesheet calls it.
    pub fn class(&self) -> &'static str {
        match self {
            SceneModel::Section(_) => "layers",
            SceneModel::Kernel(_) => "kernel",
        }
    }
}
