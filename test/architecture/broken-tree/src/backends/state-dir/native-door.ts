// two-native-doors: a third importer of koffi
import koffi from "koffi";
export const nativeDoor = koffi;
