// A Go program draws its random numbers from ProcessPrng of bcryptprimitives.dll, and does not start without. An older Wine
// has no such DLL: this stands in for it, with what RtlGenRandom gives, whose name among the exports is SystemFunction036.
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID data, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
	return SystemFunction036(data, (ULONG)length);
}
