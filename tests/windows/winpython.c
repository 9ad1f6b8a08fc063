/* Python in a process of wine, with a way to call the functions of Windows: ctypes of Linux calls them differently.

   wine_functions.address(library, function) -> address
   wine_functions.call(address, (argument, ...)) -> (result, last error) */
#undef WIN32
#undef _WIN32
#undef __WIN32__
#undef WIN64
#undef _WIN64
#include <Python.h>
#include <dlfcn.h>

#define WINDOWS __attribute__((ms_abi))
#define MOST 12
#define A uint64_t

WINDOWS void *LoadLibraryA(const char *);
WINDOWS void *GetProcAddress(void *, const char *);
WINDOWS unsigned GetLastError(void);
WINDOWS void SetLastError(unsigned);

static PyObject *address(PyObject *self, PyObject *arguments) {
    const char *library, *function;
    if (!PyArg_ParseTuple(arguments, "ss", &library, &function)) return NULL;
    void *loaded = LoadLibraryA(library), *found = loaded ? GetProcAddress(loaded, function) : NULL;
    if (!found) return PyErr_Format(PyExc_AttributeError, "%s has no %s", library, function);
    return PyLong_FromVoidPtr(found);
}

static PyObject *call(PyObject *self, PyObject *arguments) {
    unsigned long long function;
    PyObject *given;
    A a[MOST] = {0}, result;
    if (!PyArg_ParseTuple(arguments, "KO!", &function, &PyTuple_Type, &given)) return NULL;
    for (Py_ssize_t i = 0; i < PyTuple_Size(given) && i < MOST; i++)
        a[i] = PyLong_AsUnsignedLongLongMask(PyTuple_GetItem(given, i));
    if (PyErr_Occurred()) return NULL;
    SetLastError(0);
    result = ((A(WINDOWS *)(A, A, A, A, A, A, A, A, A, A, A, A))function)(
        a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
    return Py_BuildValue("KI", (unsigned long long)result, GetLastError());
}

static PyMethodDef functions[] = {{"address", address, METH_VARARGS, 0}, {"call", call, METH_VARARGS, 0}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "wine_functions", 0, -1, functions};
static PyObject *make(void) { return PyModule_Create(&definition); }

int main(int count, char **arguments) {
    /* Wine loads this program and its libraries for itself; Python's own extensions look for them among the global ones. */
    dlopen(PYTHON_LIBRARY, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
    PyImport_AppendInittab("wine_functions", make);
    return Py_BytesMain(count, arguments);
}
