// allowed: the only file that may import another program
export const dispatch = () => import("../server/run.ts");
