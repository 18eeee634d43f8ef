// What this browser remembers for its reader. One that keeps nothing is asked again each time.

export function recall(name) {
  try {
    return localStorage.getItem(`vigil.${name}`) ?? "";
  } catch {
    return "";
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`vigil.${name}`, value);
  } catch {
    // it forbids it, or is full
  }
}
