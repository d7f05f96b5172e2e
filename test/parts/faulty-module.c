/*
 * A PKCS#11 module that is SoftHSM with faults: it hands every call on to the real module, writes the names of the calls that
 * matter to the file FAULTY_LOG, and reads from the file FAULTY_ORDER, at each of them, what to do:
 *   ok          nothing
 *   hang        C_Sign never returns
 *   lost        the device is gone: all but C_Initialize and C_Finalize fail, until C_Initialize was called again
 *   away        the same, and C_Initialize fails too
 *   once        the next C_Sign fails, and the order becomes ok
 *   flip        C_Sign flips one bit of the signature
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CK_PTR *
#define CK_DECLARE_FUNCTION(returnType, name) returnType name
#define CK_DECLARE_FUNCTION_POINTER(returnType, name) returnType(*name)
#define CK_CALLBACK_FUNCTION(returnType, name) returnType(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include "pkcs11/pkcs11.h"

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST ours;
static volatile int gone;

static void note(const char *call) {
  char line[64];
  int length = snprintf(line, sizeof line, "%s\n", call);
  int fd = open(getenv("FAULTY_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (fd < 0 || write(fd, line, (size_t)length) != length) abort();
  close(fd);
}

static int ordered(const char *what) {
  char text[16] = {0};
  int fd = open(getenv("FAULTY_ORDER"), O_RDONLY);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  return length > 0 && strncmp(text, what, strlen(what)) == 0;
}

static void order(const char *what) {
  int fd = open(getenv("FAULTY_ORDER"), O_WRONLY | O_TRUNC | O_CREAT, 0600);
  if (fd < 0 || write(fd, what, strlen(what)) < 0) abort();
  close(fd);
}

static int lost(void) {
  if (ordered("lost") || ordered("away")) gone = 1;
  return gone;
}

static CK_RV initialize(CK_VOID_PTR arguments) {
  note("C_Initialize");
  if (ordered("away")) return CKR_DEVICE_ERROR;
  if (ordered("lost")) order("ok");
  gone = 0;
  return real->C_Initialize(arguments);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  note("C_Login");
  return lost() ? CKR_DEVICE_REMOVED : real->C_Login(session, type, pin, length);
}

static CK_RV logout(CK_SESSION_HANDLE session) {
  note("C_Logout");
  return real->C_Logout(session);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  return lost() ? CKR_SESSION_HANDLE_INVALID : real->C_SignInit(session, mechanism, key);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR size) {
  note("C_Sign");
  if (ordered("hang"))
    for (;;) pause();
  if (ordered("once")) {
    order("ok");
    return CKR_FUNCTION_FAILED;
  }
  if (lost()) return CKR_DEVICE_ERROR;
  CK_RV result = real->C_Sign(session, data, length, out, size);
  if (result == CKR_OK && ordered("flip")) out[0] ^= 1;
  return result;
}

static CK_RV generate_random(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length) {
  note("C_GenerateRandom");
  return lost() ? CKR_DEVICE_ERROR : real->C_GenerateRandom(session, data, length);
}

static CK_RV session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info) {
  return lost() ? CKR_DEVICE_ERROR : real->C_GetSessionInfo(session, info);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == NULL) {
    void *library = dlopen(getenv("FAULTY_REAL"), RTLD_NOW | RTLD_DEEPBIND);
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
    if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    ours = *real;
    ours.C_Initialize = initialize;
    ours.C_Login = login;
    ours.C_Logout = logout;
    ours.C_SignInit = sign_init;
    ours.C_Sign = sign;
    ours.C_GenerateRandom = generate_random;
    ours.C_GetSessionInfo = session_info;
  }
  *list = &ours;
  return CKR_OK;
}
