//! Python bindings of the engine: exports only.
//!
//! Configuration, wishes and reports cross as JSON, typed on both sides; no
//! packet ever crosses. Every call releases the GIL, and no thread of the
//! engine calls into Python.

mod verify;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use vms_camsim::{Farm, FarmConfig, FarmError, Fault};
use vms_engine::{DesiredState, EngineConfig, Error, Kind, Logs, RevocationWish};

pyo3::import_exception!(vms.common, InvalidError);
pyo3::import_exception!(vms.common, NotFoundError);
pyo3::import_exception!(vms.common, ConflictError);
pyo3::import_exception!(vms.common, UnavailableError);
pyo3::import_exception!(vms.common, InternalError);

fn raise(error: &Error) -> PyErr {
    Python::attach(|py| {
        let class = match error.kind {
            Kind::Invalid => py.get_type::<InvalidError>(),
            Kind::NotFound => py.get_type::<NotFoundError>(),
            Kind::Conflict => py.get_type::<ConflictError>(),
            Kind::Unavailable => py.get_type::<UnavailableError>(),
            Kind::Internal => py.get_type::<InternalError>(),
        };
        let detail = PyDict::new(py);
        if let Some(code) = error.code
            && let Err(failed) = detail.set_item("code", code)
        {
            return failed;
        }
        match class.call((&error.message,), Some(&detail)) {
            Ok(raised) => PyErr::from_value(raised),
            Err(failed) => failed,
        }
    })
}

fn to_json<T: serde::Serialize>(value: &T) -> PyResult<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| InternalError::new_err(error.to_string()))
}

/// The media engine of one process.
#[pyclass(frozen)]
struct Engine {
    config: EngineConfig,
    running: Mutex<Option<vms_engine::Engine>>,
}

impl Engine {
    fn with<T>(&self, call: impl FnOnce(&vms_engine::Engine) -> PyResult<T>) -> PyResult<T> {
        match self.running.lock().as_ref() {
            Some(engine) => call(engine),
            None => Err(UnavailableError::new_err("the engine is not running: call start() first")),
        }
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(config: &[u8]) -> PyResult<Self> {
        let config = EngineConfig::from_json(config).map_err(|error| raise(&error))?;
        Ok(Self { config, running: Mutex::new(None) })
    }

    fn start<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let json = py.detach(|| {
            let mut running = self.running.lock();
            if running.is_some() {
                return Err(ConflictError::new_err("the engine is running already"));
            }
            let engine = vms_engine::Engine::start(&self.config).map_err(|error| raise(&error))?;
            let json = to_json(engine.addresses())?;
            *running = Some(engine);
            Ok(json)
        })?;
        Ok(PyBytes::new(py, &json))
    }

    fn apply<'py>(&self, py: Python<'py>, desired: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let desired = DesiredState::from_json(desired).map_err(|error| raise(&error))?;
        let json =
            py.detach(|| self.with(|engine| to_json(&engine.apply(&desired).map_err(|error| raise(&error))?)))?;
        Ok(PyBytes::new(py, &json))
    }

    /// Cuts the streams that it hits; returns how many.
    fn revoke(&self, py: Python<'_>, revocation: &[u8]) -> PyResult<usize> {
        let wish = RevocationWish::from_json(revocation).map_err(|error| raise(&error))?;
        py.detach(|| self.with(|engine| Ok(engine.revoke(wish.into()))))
    }

    fn streams<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let json = py.detach(|| self.with(|engine| to_json(&engine.streams())))?;
        Ok(PyBytes::new(py, &json))
    }

    fn metrics(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.with(|engine| Ok(engine.metrics())))
    }

    /// A call about recordings: JSON in, JSON and bytes out.
    fn recording<'py>(
        &self,
        py: Python<'py>,
        call: &str,
        request: &[u8],
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let answer = py.detach(|| {
            let engine = self.with(|engine| Ok(engine.recordings()))?;
            engine.call(call, request).map_err(|error| raise(&error))
        })?;
        Ok((PyBytes::new(py, &answer.json), PyBytes::new(py, &answer.data)))
    }

    /// An eventfd that is readable while events wait.
    fn events_fd(&self, py: Python<'_>) -> PyResult<i32> {
        py.detach(|| self.with(|engine| Ok(engine.journal().fd())))
    }

    fn drain_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let json = py.detach(|| self.with(|engine| to_json(&engine.journal().drain())))?;
        Ok(PyBytes::new(py, &json))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| {
            let engine = self.running.lock().take();
            drop(engine);
        });
    }
}

fn raise_farm(error: &FarmError) -> PyErr {
    InvalidError::new_err(error.to_string())
}

/// A simulated camera farm.
#[pyclass(frozen)]
struct Simulator {
    config: FarmConfig,
    running: Mutex<Option<Farm>>,
}

#[pymethods]
impl Simulator {
    #[new]
    fn new(config: &[u8]) -> PyResult<Self> {
        let config: FarmConfig = serde_json::from_slice(config)
            .map_err(|error| InvalidError::new_err(format!("simulator configuration: {error}")))?;
        Ok(Self { config, running: Mutex::new(None) })
    }

    fn start(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let mut running = self.running.lock();
            if running.is_some() {
                return Err(ConflictError::new_err("the simulator is running already"));
            }
            let farm = Farm::start(self.config.clone()).map_err(|error| raise_farm(&error))?;
            let address = farm.addr().to_string();
            *running = Some(farm);
            Ok(address)
        })
    }

    /// Sets the fault of a camera (from 1; 0 is all) in the words of a
    /// command; `none` takes it back.
    fn fault(&self, py: Python<'_>, camera: usize, fault: &str) -> PyResult<()> {
        let fault = Fault::read(fault).map_err(|error| raise_farm(&error))?;
        py.detach(|| match self.running.lock().as_ref() {
            Some(farm) => farm.set_fault(camera, fault).map_err(|error| raise_farm(&error)),
            None => Err(UnavailableError::new_err("the simulator is not running: call start() first")),
        })
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| {
            let farm = self.running.lock().take();
            drop(farm);
        });
    }
}

/// Begins the log of the engine's parts, of this level and above; returns an
/// eventfd that is readable while lines wait.
#[pyfunction]
fn begin_logs(level: &str) -> PyResult<i32> {
    Ok(Logs::of_process(level).map_err(|error| InternalError::new_err(error.to_string()))?.fd())
}

/// The lines that wait; none where no log was begun.
#[pyfunction]
fn drain_logs(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    let json = py.detach(|| to_json(&Logs::begun().map(Logs::drain).unwrap_or_default()))?;
    Ok(PyBytes::new(py, &json))
}

/// Proves files without an engine: JSON in, a report as JSON out.
#[pyfunction]
fn verify_files<'py>(py: Python<'py>, request: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let asked: verify::Asked = serde_json::from_slice(request)
        .map_err(|error| InvalidError::new_err(format!("what is to be verified: {error}")))?;
    let json = py.detach(|| to_json(&verify::answer(&asked)))?;
    Ok(PyBytes::new(py, &json))
}

#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("ENGINE_VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Engine>()?;
    module.add_class::<Simulator>()?;
    module.add_function(wrap_pyfunction!(begin_logs, module)?)?;
    module.add_function(wrap_pyfunction!(drain_logs, module)?)?;
    module.add_function(wrap_pyfunction!(verify_files, module)?)
}
