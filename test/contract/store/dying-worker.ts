// A store thread that fails before it has answered anything.
throw new Error("the disk is gone");
