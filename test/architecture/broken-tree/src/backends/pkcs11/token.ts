// allowed: the one door to the HSM, and to native calls
import * as graphene from "graphene-pk11";
import koffi from "koffi";
export const token = [graphene, koffi];
